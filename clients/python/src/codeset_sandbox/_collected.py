"""One output of a command as far as there is room: its head and, when the middle is missing, its tail."""

from __future__ import annotations


class CollectedOutput:
    """Of more than `limit` bytes the first half stays and the last."""

    def __init__(self, limit: int) -> None:
        self._limit = max(0, limit)
        self._head_room = self._limit
        self._divided = False
        self._head = bytearray()
        self._tail = bytearray()
        #: How many bytes are missing in the middle.
        self.cut = 0

    def add(self, data: bytes) -> None:
        if not self._divided:
            if len(self._head) + len(data) <= self._head_room:
                self._head += data
                return
            self._divide()
            room = max(0, self._head_room - len(self._head))
            self._head += data[:room]
            data = data[room:]
        keep = self._limit - self._head_room
        self._tail += data
        # In large steps: each one moves what stays.
        if len(self._tail) > 2 * keep + 65_536:
            self._trim(keep)

    def skip(self, missing: int) -> None:
        """Bytes that are missing from what came; what stood before them can't be joined to what follows."""
        if missing <= 0:
            return
        if not self._divided:
            self._divide()
        self.cut += missing + len(self._tail)
        self._tail.clear()

    def _divide(self) -> None:
        self._divided = True
        self._head_room = (self._limit + 1) // 2
        self._tail = self._head[self._head_room :]
        del self._head[self._head_room :]

    def _trim(self, keep: int) -> None:
        excess = len(self._tail) - keep
        if excess > 0:
            del self._tail[:excess]
            self.cut += excess

    def bytes(self) -> bytes:
        if self._divided:
            self._trim(self._limit - self._head_room)
        return bytes(self._head + self._tail)

    def text(self) -> str:
        """As UTF-8, with a line that says how many bytes are missing where they are."""
        whole = self.bytes()
        if self.cut == 0:
            return whole.decode("utf-8", "replace")
        head = self._head.decode("utf-8", "replace")
        return f"{head}\n[… {self.cut} bytes left out …]\n{self._tail.decode('utf-8', 'replace')}"
