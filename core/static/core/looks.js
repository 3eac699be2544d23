// What pages do beyond what HTML does: the theme's switch, copying, dialogs, menus, charts, focus on errors.
(function () {
  "use strict";
  const root = document.documentElement;

  function readTheme() {
    return root.dataset.theme || "auto";
  }

  function showTheme() {
    document.querySelectorAll("[data-theme-choice]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === readTheme()));
    });
  }

  function chooseTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === "auto") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch (refused) {
      // Without storage the choice holds for this page.
    }
    showTheme();
    drawCharts(document);
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent;
    const said = button.querySelector("[data-said]");
    try {
      await navigator.clipboard.writeText(text.trim());
      said.textContent = button.dataset.done;
    } catch (refused) {
      // No right to the clipboard: mark the text, so that the person can copy it.
      window.getSelection().selectAllChildren(source);
      said.textContent = button.dataset.failed;
    }
  }

  function readColour(name) {
    const probe = document.createElement("span");
    probe.className = "probe-" + name;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  }

  const charts = new WeakMap();

  function drawCharts(within) {
    if (!window.Chart) return;
    within.querySelectorAll("canvas[data-chart]").forEach(function (canvas) {
      const given = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
      const ink = readColour("muted"), line = readColour("line"), bar = readColour("brand");
      if (charts.has(canvas)) charts.get(canvas).destroy();
      charts.set(canvas, new window.Chart(canvas, {
        type: "bar",
        data: {
          labels: given.labels,
          datasets: [{ label: given.label, data: given.values, backgroundColor: bar, borderRadius: 3, maxBarThickness: 22 }],
        },
        options: {
          animation: false,
          maintainAspectRatio: false,
          plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => given.texts[item.dataIndex] } } },
          scales: {
            x: { grid: { display: false }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16 }, border: { color: line } },
            y: { beginAtZero: true, grid: { color: line }, ticks: { color: ink, maxTicksLimit: 5 }, border: { display: false } },
          },
        },
      }));
    });
  }

  // What ends soon tells how long it still lasts; a button that would be refused then is taken away.
  function countDown() {
    let running = false;
    document.querySelectorAll("[data-countdown], [data-until]").forEach(function (part) {
      const left = Math.ceil((Date.parse(part.dataset.countdown || part.dataset.until) - Date.now()) / 1000);
      if (left > 0) running = true;
      if (part.dataset.until) part.disabled = left <= 0;
      else part.textContent = left > 0 ? Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0") : part.dataset.over;
    });
    if (running) window.setTimeout(countDown, 1000);
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (button && button.dataset.themeChoice) chooseTheme(button.dataset.themeChoice);
    if (button && button.dataset.copy) copy(button);
    if (button && button.dataset.opens) document.getElementById(button.dataset.opens).showModal();
    if (button && button.hasAttribute("data-closes")) button.closest("dialog").close();
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-themes]").forEach((switches) => { switches.hidden = false; });
    showTheme();
    drawCharts(document);
    countDown();
    const wrong = document.querySelector("[data-focus]");
    if (wrong) wrong.focus();
  });

  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(document));

  // A passkey that was refused or not found must not end in silence.
  document.addEventListener("allauth.error", function (event) {
    const place = document.querySelector("[data-passkey-failed]");
    if (!place) return;
    event.preventDefault();
    place.hidden = false;
    place.focus();
  });
})();
