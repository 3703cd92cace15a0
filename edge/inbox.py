"""The one bounded queue between the threads and the agent's loop (DESIGN 13, 14).

What happens when it is full is decided per kind:

- card reads and scans (:class:`Presented`, :class:`Rejected`, :class:`Scanned`, :class:`ScanFailed`): dropped and counted; the person taps
  or scans again.
- messages (:class:`MessageArrived`): dropped and counted; everything the server sends can be asked for again.
- inputs, devices, link: never dropped. The posting thread waits for room: the loop takes all that waits at each turn.
- stop: taken at once, once; a signal handler runs in the loop's own thread and may not wait for it.

Reads and messages may fill only a part, so that a flood of them never makes a REX wait.
"""

import threading
from collections import deque

from edge.ports import MessageArrived, Presented, Rejected, ScanFailed, Scanned, Stimulus, StopAsked

READ_ROOM = 256
MESSAGE_ROOM = 256
MESSAGE_BYTES_ROOM = 32 * 1_048_576
INPUT_ROOM = 1024
POST_WAIT_S = 0.5
"""How long a thread waits for room before it looks whether the inbox was closed."""


class Inbox:
    """Posted to by threads and signal handlers, drained by the loop."""

    def __init__(self) -> None:
        # Re-entrant: a signal handler posts from the thread that may hold it.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[Stimulus] = deque()
        self._reads = 0
        self._messages = 0
        self._message_bytes = 0
        self._inputs = 0
        self._stop_asked = False
        self._closed = False
        self.dropped_reads = 0
        self.dropped_messages = 0

    def post(self, stimulus: Stimulus) -> bool:
        """Hand a stimulus to the loop. False when it was dropped (see above) or the inbox is closed."""
        with self._changed:
            if isinstance(stimulus, Presented | Rejected | Scanned | ScanFailed):
                if self._closed or self._reads >= READ_ROOM:
                    self.dropped_reads += 1
                    return False
                self._reads += 1
            elif isinstance(stimulus, MessageArrived):
                size = self._message_bytes + len(stimulus.payload)
                if self._closed or self._messages >= MESSAGE_ROOM or size > MESSAGE_BYTES_ROOM:
                    self.dropped_messages += 1
                    return False
                self._messages += 1
                self._message_bytes = size
            elif isinstance(stimulus, StopAsked):
                if self._stop_asked:
                    return True
                self._stop_asked = True
            else:
                while self._inputs >= INPUT_ROOM and not self._closed:
                    self._changed.wait(POST_WAIT_S)
                if self._closed:
                    return False
                self._inputs += 1
            self._waiting.append(stimulus)
            self._changed.notify_all()
        return True

    def take(self, timeout_s: float) -> list[Stimulus]:
        """All that waits, in order; waits up to ``timeout_s`` for the first."""
        with self._changed:
            if not self._waiting and timeout_s > 0 and not self._closed:
                self._changed.wait(timeout_s)
            taken = list(self._waiting)
            self._waiting.clear()
            self._reads = self._messages = self._message_bytes = self._inputs = 0
            if taken:
                self._changed.notify_all()
        return taken

    def close(self) -> None:
        """Refuse everything from now on and let waiting threads go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
