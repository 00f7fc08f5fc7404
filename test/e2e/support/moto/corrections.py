"""Corrects moto where S3 behaves differently.

- A listing with a delimiter shows no common prefix under which every key is hidden by a delete marker. moto shows it,
  so in a versioned bucket the registry would list tags and repositories that were deleted.
- A delete marker is an event (`ObjectRemoved:DeleteMarkerCreated`). moto sends none, so nobody would hear of a
  deletion in a versioned bucket.
- Each request is atomic. moto reads, then writes, in as many threads as there are connections, so two writes of one
  key could lose a version, and one could slip between the check of `If-Match` and its deletion.

Two more are corrected where they are made faster: the order of versions of one millisecond (`faster_s3.py`), and
messages that arrive while another one is deleted and are lost (`faster_sqs.py`).
"""

from functools import wraps
from threading import RLock
from types import SimpleNamespace

from moto.s3 import notifications
from moto.s3.models import FakeDeleteMarker, S3Backend
from moto.s3.responses import S3Response

_one_at_a_time = RLock()


def apply():
    S3Backend.list_objects = _without_hidden_folders(S3Backend.list_objects)
    S3Backend._set_delete_marker = _with_event(S3Backend._set_delete_marker)
    for owner, name in [
        (S3Response, "delete_object"),
        (S3Backend, "put_object"),
        (S3Backend, "copy_object"),
        (S3Backend, "complete_multipart_upload"),
        (S3Backend, "delete_object"),
    ]:
        setattr(owner, name, _atomic(getattr(owner, name)))


def _without_hidden_folders(original):
    @wraps(original)
    def list_objects(self, bucket, prefix, delimiter, marker, max_keys):
        keys, folders, truncated, following = original(
            self, bucket, prefix, delimiter, marker, max_keys
        )
        if not folders:
            return keys, folders, truncated, following
        visible = {
            f"{prefix or ''}{name[len(prefix or ''):].split(delimiter)[0]}{delimiter}"
            for name, key in bucket.keys.items()
            if not isinstance(key, FakeDeleteMarker) and name.startswith(prefix or "")
        }
        return keys, [folder for folder in folders if folder in visible], truncated, following

    return list_objects


def _with_event(original):
    @wraps(original)
    def set_delete_marker(self, bucket_name, key_name):
        marker = original(self, bucket_name, key_name)
        notifications.send_event(
            self.account_id,
            notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT,
            self.get_bucket(bucket_name),
            SimpleNamespace(name=key_name, size=0, etag="", version_id=marker.version_id),
        )
        return marker

    return set_delete_marker


def _atomic(original):
    @wraps(original)
    def one_at_a_time(*args, **kwargs):
        with _one_at_a_time:
            return original(*args, **kwargs)

    return one_at_a_time
