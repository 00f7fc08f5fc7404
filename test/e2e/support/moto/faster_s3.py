"""Makes moto's S3 answer the same sooner: names of keys are kept in order, so that a listing looks at (and of versions:
copies) the keys under its prefix alone, not the whole bucket.
"""

from bisect import bisect_left, insort
from functools import wraps
from threading import Lock
from types import SimpleNamespace

from moto.s3.models import FakeBucket, S3Backend
from moto.s3.utils import _VersionedKeyStore

# Sorts after every character of a key.
_END = "\U0010ffff"
_order = Lock()


def apply():
    _VersionedKeyStore.__setitem__ = _adding(_VersionedKeyStore.__setitem__)
    _VersionedKeyStore.setlist = _adding(_VersionedKeyStore.setlist)
    _VersionedKeyStore.pop = _removing(_VersionedKeyStore.pop)
    S3Backend.list_objects = _of_the_prefix(S3Backend.list_objects)
    S3Backend.list_object_versions = _versions_of_the_prefix(S3Backend.list_object_versions)


def _adding(original):
    @wraps(original)
    def add(self, key, value):
        with _order:
            if key not in self:
                insort(_names(self), key)
            return original(self, key, value)

    return add


def _removing(original):
    @wraps(original)
    def remove(self, key):
        with _order:
            names = _names(self)
            at = bisect_left(names, key)
            if at < len(names) and names[at] == key:
                del names[at]
            return original(self, key)

    return remove


def _names(store):
    if not hasattr(store, "names"):
        store.names = sorted(dict.keys(store))
    return store.names


def _under(bucket, prefix):
    """The bucket as if it held nothing but the keys that begin with the prefix."""
    part = _VersionedKeyStore()
    with _order:
        names = _names(bucket.keys)
        for name in names[bisect_left(names, prefix) : bisect_left(names, prefix + _END)]:
            dict.__setitem__(part, name, list(bucket.keys.getlist(name)))
    return SimpleNamespace(keys=part)


def _of_the_prefix(original):
    @wraps(original)
    def list_objects(self, bucket, prefix, delimiter, marker, max_keys):
        if prefix and type(bucket) is FakeBucket:
            bucket = _under(bucket, prefix)
        return original(self, bucket, prefix, delimiter, marker, max_keys)

    return list_objects


def _versions_of_the_prefix(original):
    @wraps(original)
    def list_object_versions(self, bucket_name, *args, prefix="", **kwargs):
        part = _under(self.get_bucket(bucket_name), prefix)
        for versions in dict.values(part.keys):
            # The original sorts by key and time, newest first, and leaves those of one moment as they are.
            versions.reverse()
        backend = SimpleNamespace(get_bucket=lambda _: part)
        return original(backend, bucket_name, *args, prefix=prefix, **kwargs)

    return list_object_versions
