"""lamina data fetch, against a server on the loopback: a whole download, one broken in the middle, a wrong digest."""

import hashlib
import http.server
import io
import os
import re
import sys
import tarfile
import threading

from command_testing import Directory, check, run, succeeded, write_cifar10


def archive(base):
    """The bytes of a .tar.gz in the official layout."""
    folder = write_cifar10(os.path.join(base, "made"), per_file=400, test=20)
    with open(os.path.join(folder, "batches.meta.txt"), "w") as file:
        file.write("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        tar.add(folder, arcname="cifar-10-batches-bin")
    return packed.getvalue()


def serve(body, first_stops_after=None):
    """A server of `body`, whose first answer may break off; its address and the ranges that it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            start = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-")).group(1))
            asked.append(start)
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            end = first_stops_after if first_stops_after and len(asked) == 1 else len(body)
            self.wfile.write(body[start:end])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:%d/cifar-10-binary.tar.gz" % server.server_port, asked


def main():
    with Directory() as base:
        body = archive(base)
        md5 = hashlib.md5(body).hexdigest()

        url, asked = serve(body)
        home = os.path.join(base, "home")
        done = succeeded(run("data", "fetch", "cifar10", "--url", url, "--md5", md5, "--data-dir", home))
        check(done.stdout.splitlines()[-1] == "CIFAR-10 is in %s/cifar-10-batches-bin" % home, done.stdout)
        check(re.search(r"^(\d+\.\d) of \1 MB$", done.stdout, re.M), "the line of the whole download:", done.stdout)
        check(os.listdir(home) == ["cifar-10-batches-bin"], os.listdir(home))
        info = succeeded(run("data", "info", "cifar10", "--data-dir", home)).stdout
        check(re.search(r"all +1,000 +1,000 +20", info), info)
        succeeded(run("data", "fetch", "cifar10", "--url", url, "--md5", md5, "--data-dir", home))
        check(asked == [0], "a copy that lies there is used; asked", asked)

        url, asked = serve(body, first_stops_after=len(body) // 2)
        home = os.path.join(base, "broken")
        for _ in range(3):
            done = run("data", "fetch", "cifar10", "--url", url, "--md5", md5, "--data-dir", home)
            if done.returncode == 0:
                break
        succeeded(done)
        check(len(asked) == 2 and 0 < asked[1] <= len(body) // 2, "resumed where it broke; asked", asked)

        url, asked = serve(body)
        home = os.path.join(base, "other")
        done = run("data", "fetch", "cifar10", "--url", url, "--data-dir", home)
        check(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and md5 in done.stderr and
              "c32a1d4ab5d03f1284b67883e8d87530" in done.stderr, done.stderr)
        check(os.listdir(home) == [], os.listdir(home))
        done = run("data", "fetch", "cifar10", "--url", url, "--md5", "123", "--data-dir", home)
        check(done.returncode == 2 and "--md5: expected 32 digits" in done.stderr, done.stderr)
    print("downloads are as they should be")


if __name__ == "__main__":
    sys.exit(main())
