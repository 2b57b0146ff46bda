"""What is kept of output: bounded in memory, whoever prints it and however much."""

import codecs

# What an observation shows; the full text lies in a file of at most MAX_FULL bytes.
HEAD, TAIL = 6000, 2000
MAX_FULL = 2**20


class Output:
    """Output of a session call: counted in characters, the first MAX_FULL and the last TAIL kept."""

    def __init__(self):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.parts, self.kept, self.last, self.characters = [], 0, "", 0

    def feed(self, data, final=False):
        text = self.decoder.decode(data, final)
        self.characters += len(text)
        if self.kept < MAX_FULL:
            self.parts.append(text[: MAX_FULL - self.kept])
            self.kept += len(self.parts[-1])
        self.last = (self.last + text[-TAIL:])[-TAIL:]

    def bounded(self):
        """(text to show, full length in characters, whether it was cut, what is kept of the full text)"""
        self.feed(b"", final=True)
        full = "".join(self.parts)
        if self.characters <= HEAD + TAIL:
            return full, self.characters, False, full
        left_out = self.characters - HEAD - TAIL
        shown = f"{full[:HEAD]}\n[... {left_out} characters left out ...]\n{self.last}"
        if self.characters > self.kept:
            full += f"\n[... cut here; {self.characters} characters in all; the last are ...]\n{self.last}"
        return shown, self.characters, True, full


class Log:
    """The log of one execution: the first and the last half of `limit` bytes."""

    def __init__(self, limit):
        self.half = max(1, limit // 2)
        self.head, self.tail, self.dropped = bytearray(), bytearray(), 0

    def feed(self, data):
        room = self.half - len(self.head)
        self.head += data[:room] if room > 0 else b""
        self.tail += data[room:] if room > 0 else data
        if len(self.tail) > 2 * self.half:
            self.dropped += len(self.tail) - self.half
            del self.tail[: -self.half]

    def text(self):
        if len(self.tail) > self.half:
            self.dropped += len(self.tail) - self.half
            del self.tail[: -self.half]
        middle = f"\n[... {self.dropped} bytes left out ...]\n" if self.dropped else ""
        return self.head.decode("utf-8", "replace") + middle + self.tail.decode("utf-8", "replace")
