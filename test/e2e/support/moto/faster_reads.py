"""Answers the two requests of which the registry makes most, plain reads of an object and of a short listing, from
moto's objects without the layers above them. Whatever is not quite plain, or not there, is left to moto.
"""

from functools import wraps
from re import compile as pattern
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.models import FakeBucket, FakeKey, s3_backends

_FROM = pattern(r"bytes=(\d+)-$")
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")


def apply():
    DomainDispatcherApplication.__call__ = _reading(DomainDispatcherApplication.__call__)


def _reading(original):
    @wraps(original)
    def call(self, environ, start_response):
        answer = _answer(environ)
        if answer is None:
            return original(self, environ, start_response)
        status, headers, body = answer
        start_response(status, [(name, str(value)) for name, value in headers.items()])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    return call


def _answer(environ):
    method = environ["REQUEST_METHOD"]
    if method not in ("GET", "HEAD") or "/s3/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
        return None
    if any(name in environ for name in _CONDITIONS):
        return None
    name, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    bucket = backend.buckets.get(name)
    if type(bucket) is not FakeBucket:
        return None
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if key != "":
        return _object(environ, bucket, key) if query.keys() <= {"x-id"} else None
    if method == "GET" and query.keys() == {"prefix", "max-keys"}:
        return _listing(backend, bucket, query["prefix"][0], int(query["max-keys"][0]))
    return None


def _object(environ, bucket, name):
    key = bucket.keys.get(name)
    if type(key) is not FakeKey or key.checksum_algorithm is not None:
        return None
    headers = {**key.metadata, **key.response_dict, "Accept-Ranges": "bytes"}
    wanted = environ.get("HTTP_RANGE")
    if wanted is None:
        return "200 OK", headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else key.value
    begin = _FROM.match(wanted)
    body = key.value
    if begin is None or int(begin[1]) >= len(body):
        return None
    part = body[int(begin[1]) :]
    headers["content-range"] = f"bytes {begin[1]}-{len(body) - 1}/{len(body)}"
    headers["content-length"] = len(part)
    return "206 Partial Content", headers, part


def _listing(backend, bucket, prefix, most):
    keys, _, truncated, _ = backend.list_objects(bucket, prefix, None, None, most)
    contents = "".join(
        f"<Contents><Key>{escape(key.name)}</Key><LastModified>{key.last_modified_ISO8601}</LastModified>"
        f"<ETag>{escape(key.etag)}</ETag><Size>{key.size}</Size><StorageClass>{key.storage_class}</StorageClass>"
        "</Contents>"
        for key in keys
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{bucket.name}</Name><Prefix>{escape(prefix)}</Prefix><MaxKeys>{most}</MaxKeys>"
        f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>{contents}</ListBucketResult>"
    )
    return "200 OK", {"content-type": "application/xml"}, body.encode()
