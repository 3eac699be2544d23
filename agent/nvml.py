"""NVIDIA accelerators through `nvidia-ml-py`, which need not be installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from agent.sources import MeterLost


class NvmlAccelerators:
    """
    All NVIDIA devices of this machine.

    :raises MeterLost: the package or the driver is not there, or there is no device
    """

    def __init__(self) -> None:
        try:
            self._nvml: Any = importlib.import_module("pynvml")
        except ImportError as error:
            raise MeterLost("the package nvidia-ml-py is not installed") from error
        self._call(self._nvml.nvmlInit)
        count = self._call(self._nvml.nvmlDeviceGetCount)
        if not count:
            raise MeterLost("there is no NVIDIA device")
        self._handles = [self._call(self._nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count)]

    def energy_millijoules(self) -> Sequence[int]:
        """Energy of each device since its driver was loaded."""
        return [self._call(self._nvml.nvmlDeviceGetTotalEnergyConsumption, each) for each in self._handles]

    def power_milliwatts(self) -> Sequence[int]:
        """Power each device draws now."""
        return [self._call(self._nvml.nvmlDeviceGetPowerUsage, each) for each in self._handles]

    def limit_milliwatts(self) -> Sequence[int]:
        """Power each device is held to."""
        return [self._call(self._nvml.nvmlDeviceGetEnforcedPowerLimit, each) for each in self._handles]

    def names(self) -> Sequence[str]:
        """What the devices are."""
        return [str(self._call(self._nvml.nvmlDeviceGetName, each)) for each in self._handles]

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            raise MeterLost(str(error)) from error
