"""The writes of a disk in the order in which they became durable (the log of dm-log-writes), and
images of that disk as a power cut could have left it."""

import os
import random
import struct

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FORCED, DISCARD, MARK = 1, 2, 4, 8
SAMPLE = "sample-"  # a mark of what nodes said of themselves then
SUPER, ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")


class Entry:
    __slots__ = ("sector", "sectors", "flags", "at", "label")

    def __init__(self, sector, sectors, flags, at, label):
        self.sector, self.sectors, self.flags = sector, sectors, flags
        self.at, self.label = at, label  # `at`: of its data in the log

    def is_write(self):
        return self.sectors > 0 and not self.flags & (DISCARD | MARK)

    def is_answer(self):
        """One of our marks; the log ends with one of its own."""
        return bool(self.flags & MARK) and self.label.isdigit()

    def may_be_reordered(self):
        """A plain write: until the next flush the disk may persist it before or after others."""
        return self.is_write() and not self.flags & (FLUSH | FORCED)


class DiskLog:
    def __init__(self, path):
        self.file = open(path, "rb")
        magic, version, count, size = SUPER.unpack(self.file.read(SUPER.size))
        if magic != MAGIC or version != 1 or size != SECTOR:
            raise ValueError(f"{path} is not a log of writes")
        self.entries = []
        at = SECTOR
        for _ in range(count):
            self.file.seek(at)
            sector_bytes = self.file.read(SECTOR)
            sector, sectors, flags, length = ENTRY.unpack_from(sector_bytes)
            label = ""
            if flags & MARK:
                label = sector_bytes[ENTRY.size:ENTRY.size + length].decode()
            self.entries.append(Entry(sector, sectors, flags, at + SECTOR, label))
            at += SECTOR
            if sectors and not flags & (DISCARD | MARK):
                at += sectors * SECTOR

    def data(self, entry):
        self.file.seek(entry.at)
        return self.file.read(entry.sectors * SECTOR)

    def apply(self, image, entry):
        if entry.is_write():
            image.seek(entry.sector * SECTOR)
            image.write(self.data(entry))

    def apply_torn(self, image, entry, chance):
        """Some of its sectors, each for itself."""
        data = self.data(entry)
        for index in range(entry.sectors):
            if chance.random() < 0.5:
                image.seek((entry.sector + index) * SECTOR)
                image.write(data[index * SECTOR:(index + 1) * SECTOR])

    def last_flush(self, cut):
        """The entries before it are durable though no write is forced."""
        return next(index + 1 for index in range(cut - 1, -1, -1)
                    if self.entries[index].flags & FLUSH)

    def first_mark(self):
        return next(index for index, one in enumerate(self.entries) if one.is_answer())

    def acknowledged(self, cut):
        """How many answers were given before entry `cut`."""
        for entry in reversed(self.entries[:cut]):
            if entry.is_answer():
                return int(entry.label)
        raise ValueError(f"no mark before entry {cut}")

    def samples(self):
        """Of each entry and of the end: the number of the last sample that was taken before it;
        0: none was."""
        numbers = [0]
        for entry in self.entries:
            is_sample = entry.flags & MARK and entry.label.startswith(SAMPLE)
            numbers.append(int(entry.label[len(SAMPLE):]) if is_sample else numbers[-1])
        return numbers

    def close(self):
        self.file.close()


class Cut:
    """The first `at` entries are there, some of the plain writes behind them too, in part. A disk
    that lies has kept what was there at the last flush, and nothing that it was told to force."""

    def __init__(self, log, at, chance, lies=False):
        self.at = log.last_flush(at) if lies else at
        self.acknowledged = log.acknowledged(at)
        self.lies = lies
        self.torn = []
        self.seed = chance.getrandbits(64)
        for index in range(at, len(log.entries) if not lies else at):
            entry = log.entries[index]
            if entry.is_write():
                self.torn.append(index)
            # Behind a write that was forced, or flushed, nothing had begun that rests on it.
            if not entry.may_be_reordered() and not entry.flags & MARK:
                break

    def make(self, log, base, path):
        copy_sparse(base, path)
        chance = random.Random(self.seed)
        with open(path, "r+b") as image:
            for index in self.torn:
                fate = chance.random()
                if fate < 0.4:
                    log.apply_torn(image, log.entries[index], chance)
                elif fate < 0.6:
                    log.apply(image, log.entries[index])


def choose_cuts(log, count, lies, chance, wanted=()):
    """Ascending, so that one image can grow along. Half of them at places that are `wanted`, if
    there are so many. A lie is told where it can be seen: something was acknowledged after the last
    flush."""
    first = log.first_mark() + 1
    places = range(first, len(log.entries) + 1)
    wanted = [at for at in wanted if at in places]
    chosen = set(chance.sample(wanted, min(count // 2, len(wanted))))
    others = [at for at in places if at not in chosen]
    chosen.update(chance.sample(others, min(count - len(chosen), len(others))))
    cuts = [Cut(log, at, chance) for at in sorted(chosen)]
    visible = [at for at in places if log.last_flush(at) > first
               and log.acknowledged(log.last_flush(at)) < log.acknowledged(at)]
    cuts += [Cut(log, at, chance, lies=True)
             for at in chance.sample(visible, min(lies, len(visible)))]
    return sorted(cuts, key=lambda cut: cut.at)


def copy_sparse(source, target):
    with open(source, "rb") as reader, open(target, "wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        at = 0
        while at < size:
            try:
                begin = os.lseek(reader.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                return
            at = os.lseek(reader.fileno(), begin, os.SEEK_HOLE)
            os.lseek(reader.fileno(), begin, os.SEEK_SET)
            os.lseek(writer.fileno(), begin, os.SEEK_SET)
            while begin < at:
                begin += os.sendfile(writer.fileno(), reader.fileno(), None, at - begin)
