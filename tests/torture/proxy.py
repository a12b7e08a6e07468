"""The links between the nodes, as TCP proxies that the harness owns: each can be held in one
direction or both, delayed, closed, and closed for a time. One asyncio loop, which must never block;
memory is bounded by pausing the sender.
"""

import asyncio
import collections

MAX_DELAYED_BYTES = 4 << 20  # of one direction; beyond it the sender waits


class Direction:
    """How one direction of a link behaves at present."""

    def __init__(self):
        self.held = 0        # faults that hold it: it delivers while there are none
        self.delay = 0.0     # seconds
        self.flows = set()   # of the connections that are open


class Flow(asyncio.Protocol):
    """One direction of one connection: reads from its own socket, writes to the other flow's."""

    def __init__(self, direction, on_made=None):
        self.direction = direction
        self.on_made = on_made
        self.other = None            # the flow that reads from where this one writes to
        self.transport = None
        self.queue = collections.deque()  # (time of release, bytes), in order
        self.queued_bytes = 0
        self.blocked = False         # the receiver takes nothing more
        self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        self.direction.flows.add(self)
        self.update()
        self.other.update()  # what waits for this socket
        if self.on_made is not None:
            self.on_made()

    def data_received(self, data):
        due = asyncio.get_running_loop().time() + self.direction.delay
        self.queue.append((due, data))
        self.queued_bytes += len(data)
        self.update()

    def pause_writing(self):
        self.other.blocked = True
        self.other.update()

    def resume_writing(self):
        self.other.blocked = False
        self.other.update()

    def connection_lost(self, _error):
        self.close()
        self.other.close()

    def update(self):
        """Delivers what may be delivered and sets whether more is read."""
        if self.transport is None or self.transport.is_closing():
            return
        self.release()
        if self.direction.held or self.blocked or self.queued_bytes > MAX_DELAYED_BYTES:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def release(self):
        loop = asyncio.get_running_loop()
        target = self.other.transport
        while self.queue and not self.direction.held and target and not target.is_closing():
            due, data = self.queue[0]
            if due > loop.time():
                if self.timer is None:
                    self.timer = loop.call_at(due, self.on_timer)
                return
            self.queue.popleft()
            self.queued_bytes -= len(data)
            target.write(data)

    def on_timer(self):
        self.timer = None
        self.update()

    def close(self):
        self.direction.flows.discard(self)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.queue.clear()
        if self.transport is not None:
            self.transport.abort()


class Link:
    """What one node dials instead of another: listens on `port`, connects to `target_port`."""

    def __init__(self, dialler, target, port, target_port):
        self.dialler = dialler
        self.target = target
        self.port = port
        self.target_port = target_port
        self.forth = Direction()  # from the dialler to the target
        self.back = Direction()
        self.refusing = 0         # faults that refuse connections
        self.connections = 0
        self.server = None
        self.dials = set()

    async def open(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self.accept, "127.0.0.1", self.port)

    async def close(self):
        if self.server is not None:
            self.server.close()
        self.reset()
        for dial in list(self.dials):
            dial.cancel()

    def accept(self):
        answer = Flow(self.back)
        flow = Flow(self.forth, on_made=lambda: self.accepted(flow, answer))
        flow.other, answer.other = answer, flow
        return flow

    def accepted(self, flow, answer):
        if self.refusing:
            flow.close()
            return
        self.connections += 1
        dial = asyncio.get_running_loop().create_task(self.dial(flow, answer))
        self.dials.add(dial)
        dial.add_done_callback(self.dials.discard)

    async def dial(self, flow, answer):
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: answer, "127.0.0.1", self.target_port)
        except OSError:
            flow.close()
            return
        if flow.transport.is_closing():
            answer.close()

    def direction(self, sender):
        return self.forth if sender == self.dialler else self.back

    def update(self):
        for direction in (self.forth, self.back):
            for flow in list(direction.flows):
                flow.update()

    def reset(self):
        """Closes the open connections, at once and in the middle of whatever they carry."""
        for direction in (self.forth, self.back):
            for flow in list(direction.flows):
                flow.close()  # the other side follows
