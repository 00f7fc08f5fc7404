"""Makes moto's SQS answer the same sooner: it counted all messages of a queue for each one sent and received, and built
the queue anew for each one deleted.
"""

from functools import wraps
from time import time
from uuid import uuid4

from moto.sqs import models
from moto.sqs.models import Message, Queue, SQSBackend


def apply():
    models.unix_time = time
    models.unix_time_millis = lambda: time() * 1000
    SQSBackend.send_message = _without_counting(SQSBackend.send_message)
    SQSBackend.is_message_valid_based_on_retention_period = _is_kept
    Queue.delete_message = _in_place(Queue.delete_message)


def _without_counting(original):
    @wraps(original)
    def send_message(self, queue_name, message_body, *args, **kwargs):
        queue = self.get_queue(queue_name)
        if queue.fifo_queue or args or set(kwargs) - {"delay_seconds", "group_id"}:
            return original(self, queue_name, message_body, *args, **kwargs)
        message = Message(str(uuid4()), message_body, None)
        delay = kwargs.get("delay_seconds")
        message.mark_sent(delay_seconds=queue.delay_seconds if delay is None else int(delay))
        queue.add_message(message)
        return message

    return send_message


def _is_kept(self, queue_name, message):
    kept = self.get_queue(queue_name).message_retention_period
    return kept + message.sent_timestamp / 1000 > time()


def _in_place(original):
    @wraps(original)
    def delete_message(self, receipt_handle):
        # What arrives meanwhile waits for the lock; the original would forget it.
        with self._messages_lock:
            for at, message in enumerate(self._messages):
                if message.receipt_handle == receipt_handle:
                    self.pending_messages.discard(message)
                    self.deleted_messages.update(message.all_receipt_handles)
                    del self._messages[at]
                    return
            original(self, receipt_handle)

    return delete_message
