"""Clients that cost next to nothing: HTTP/1.1 over a bare socket, one request after the other."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter

HOST = "127.0.0.1"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
PATIENCE_SECONDS = 60.0


class Answer(bytes):
    """An HTTP answer as it came."""

    @property
    def status(self) -> int:
        return int(self[9:12])

    @property
    def body(self) -> bytes:
        return self.partition(b"\r\n\r\n")[2]

    @property
    def is_complete(self) -> bool:
        head, end, body = self.partition(b"\r\n\r\n")
        if not end:
            return False
        _, named, rest = head.lower().partition(b"content-length:")
        return bool(named) and len(body) >= int(rest.partition(b"\r\n")[0])

    def header(self, name: str) -> str:
        """A header by its name, empty where there is none."""
        for line in self.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return ""


def request(
    path: str, headers: Mapping[str, str] | None = None, *, body: bytes = b"", keep: bool = True
) -> bytes:
    """A request as it is sent: GET, or POST of JSON where there is a body."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: {HOST}", f"User-Agent: {AGENT}"]
    lines += ["Accept: application/json", f"Connection: {'keep-alive' if keep else 'close'}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = _connected(port)

    def ask(self, message: bytes) -> tuple[Answer, float]:
        """The answer, and the milliseconds until all of it was there.

        Raises:
            ConnectionError: the server closed the connection before.
        """
        started = perf_counter()
        self._socket.sendall(message)
        answer = Answer(self._socket.recv(65_536))
        while not answer.is_complete:
            if not (more := self._socket.recv(65_536)):
                raise ConnectionError(f"the server closed the connection after {len(answer)} bytes")
            answer = Answer(answer + more)
        return answer, (perf_counter() - started) * 1000

    def close(self) -> None:
        self._socket.close()


def flood(port: int, messages: Iterator[bytes], *, clients: int, done: Callable[[Answer], None]) -> float:
    """Send messages over so many connections at once, each for one message, as fast as they are answered.

    Returns:
        Seconds until the last answer was there.
    """
    started = perf_counter()
    with selectors.DefaultSelector() as open_ones:
        for _ in range(clients):
            _send_next(open_ones, port, messages)
        while open_ones.get_map():
            for key, _ in open_ones.select(PATIENCE_SECONDS):
                connection, parts = key.fileobj, key.data
                assert isinstance(connection, socket.socket)
                if part := connection.recv(65_536):
                    parts.append(part)
                    continue
                open_ones.unregister(connection)
                connection.close()
                done(Answer(b"".join(parts)))
                _send_next(open_ones, port, messages)
    return perf_counter() - started


def _send_next(open_ones: selectors.BaseSelector, port: int, messages: Iterator[bytes]) -> None:
    message = next(messages, None)
    if message is not None:
        connection = _connected(port)
        connection.sendall(message)
        open_ones.register(connection, selectors.EVENT_READ, [])


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
