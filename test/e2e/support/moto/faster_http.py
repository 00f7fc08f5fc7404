"""Makes moto answer the same sooner, for every service.

- The services moto knows are read from the disk once.
- A connection is kept, an answer is one write, and requests are not logged.
- Python looks for garbage that holds itself less often: the longer a bucket's history, the longer it looks.
"""

import gc
from functools import lru_cache
from io import BytesIO

from moto import backends
from moto.moto_server import werkzeug_app
from werkzeug.serving import WSGIRequestHandler


def apply():
    gc.set_threshold(100_000, 50, 50)
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    dispatcher = werkzeug_app.DomainDispatcherApplication
    dispatcher.get_backend_for_host = lru_cache(maxsize=None)(dispatcher.get_backend_for_host)
    werkzeug_app.DISABLE_GLOBAL_CORS = True
    werkzeug_app.create_backend_app = _without_debugger(werkzeug_app.create_backend_app)
    WSGIRequestHandler.run_wsgi = _answer
    WSGIRequestHandler.disable_nagle_algorithm = True


def _without_debugger(original):
    def create_backend_app(service):
        app = original(service)
        app.debug = False
        return app

    return create_backend_app


def _answer(handler):
    environ = handler.make_environ()
    terminated = environ.get("wsgi.input_terminated")
    length = -1 if terminated else int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
    status, headers = "500 Internal Server Error", []

    def start_response(new_status, new_headers, exc_info=None):
        nonlocal status, headers
        status, headers = new_status, new_headers

    body = b"".join(handler.server.app(environ, start_response))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if not any(name.lower() == "content-length" for name, _ in headers):
        if status[:3] not in ("204", "304"):
            lines.append(f"Content-Length: {len(body)}")
    handler.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
