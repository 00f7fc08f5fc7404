"""Loaded by Python itself when moto starts (PYTHONPATH): corrects moto where S3 behaves differently.

A listing with a delimiter shows no common prefix under which every key is hidden by a delete marker. moto 5.2 shows
it, so in a versioned bucket the registry would list tags and repositories that were deleted.
"""

from bisect import bisect_left

from moto.s3.models import FakeDeleteMarker, S3Backend

_list_objects = S3Backend.list_objects


def list_objects(self, bucket, *args, **kwargs):
    keys, folders, truncated, marker = _list_objects(self, bucket, *args, **kwargs)
    visible = sorted(
        name for name, key in bucket.keys.items() if not isinstance(key, FakeDeleteMarker)
    )

    def shown(folder):
        at = bisect_left(visible, folder)
        return at < len(visible) and visible[at].startswith(folder)

    return keys, [folder for folder in folders if shown(folder)], truncated, marker


S3Backend.list_objects = list_objects
