"""slow-readers ADDRESS PATH LENGTH COUNT: so many visitors read a long answer slowly, while another one opens pages.

In: a site that believes X-Forwarded-For, so that each visitor has an address of its own; the path of an image that
prints LENGTH bytes, each line of them its number. Out: one line of figures; exit status 1 when an answer that looked
whole was not, when a page was not answered, or when no long answer came whole. An answer that ends in the middle is
counted as broken, which is allowed: its reader can see it. Talks to 127.0.0.1 alone.
"""
import hashlib
import http.client
import socket
import sys
import threading
import time

address, path, length, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
line = b"%07d\n"
expected = hashlib.sha256(b"".join(line % number for number in range(1, length // 8 + 1))).hexdigest()
SLOW = 20                    # seconds in which 4 kB a second are read
PATIENCE = 150               # until everybody has an end
lock, ends, faults, slow_until = threading.Lock(), {}, [], time.time() + SLOW


def note(end):
    with lock:
        ends[end] = ends.get(end, 0) + 1


def connect(visitor):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sock.settimeout(60)
    host, port = address.split(":")
    connection.sock.connect((host, int(port)))
    fields = {"X-Forwarded-For": "10.%d.%d.1" % (visitor // 250, visitor % 250), "Accept": "*/*"}
    return connection, fields


def read(visitor):
    begun = time.time()
    while time.time() < begun + PATIENCE - 70:
        try:
            connection, fields = connect(visitor)
            connection.request("GET", path, headers=fields)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            return note("broken before its begin")
        if answer.status in (429, 503):
            connection.close()
            time.sleep(1)
            continue
        if answer.status != 200:
            return note("status %d" % answer.status)
        content, got = hashlib.sha256(), 0
        try:
            while piece := answer.read(65536 if time.time() > slow_until else 1024):
                content.update(piece)
                got += len(piece)
                if time.time() <= slow_until:
                    time.sleep(0.25)
            if answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
        except (OSError, http.client.HTTPException):
            return note("broken")
        if (got, content.hexdigest()) != (length, expected):
            with lock:
                faults.append("an answer of %d bytes looked whole" % got)
        return note("whole")
    note("refused")


def percentile(times, percent):
    return 1e3 * sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]


readers = [threading.Thread(target=read, args=(visitor,), daemon=True) for visitor in range(count)]
for reader in readers:
    reader.start()
pages, begun = [], time.time()
while any(reader.is_alive() for reader in readers) and time.time() < begun + PATIENCE:
    at = time.time()
    try:
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request("GET", "/container/", headers={"X-Forwarded-For": "192.0.2.1", "Accept": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            faults.append("a page: status %d" % answer.status)
    except (OSError, http.client.HTTPException) as error:
        faults.append("a page: %r" % error)
    pages.append(time.time() - at)
    time.sleep(0.05)
hanging = sum(reader.is_alive() for reader in readers)
if hanging:
    ends["without an end"] = hanging
if not ends.get("whole"):
    faults.append("no answer came whole")
told = ", ".join("%d %s" % (number, end) for end, number in sorted(ends.items()))
print("%d slow readers of %d bytes: %s; %d pages of another visitor meanwhile: p50 %.0f ms, p99 %.0f ms"
      % (count, length, told, len(pages), percentile(pages, 50), percentile(pages, 99)))
for fault in sorted(set(faults)):
    print("  fault: %s (%d times)" % (fault, faults.count(fault)))
sys.exit(bool(faults))
