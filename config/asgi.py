"""Django as an ASGI application: the control plane (REST, console, admin)."""

import os

from django.core.asgi import get_asgi_application

from config.observation import observe_web

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_asgi_application()
observe_web()
