"""Django as a WSGI application: the control plane where it has a process of its own."""

import os

from django.core.wsgi import get_wsgi_application

from config.observation import observe_web

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
observe_web()
