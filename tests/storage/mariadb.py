"""A private MariaDB of the tests: a process of their own on a folder of their own. Must not know tables."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

USER, PASSWORD = "smartlite", "s3cret/p@ss:w%rd"
ENCODED = "s3cret%2Fp%40ss%3Aw%25rd"
"""The password as a URL has it."""
_SHARES = ("/usr/share/mariadb", "/usr/share/mysql")
_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_START_TIMEOUT_S = 30


class MariaDB:
    """One server on a loopback port and a socket; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mariadbd", path=_PATH)
        assert program is not None, "mariadbd is not installed: run ops/setup.sh with the extra dev"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = folder
        self.socket = folder / "s"
        self._base = [
            program,
            "--no-defaults",
            "--user=root",  # only root may say so; everybody else runs it as what they are
            f"--datadir={folder / 'data'}",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-use-native-aio=0",
            "--key-buffer-size=1M",
            "--performance-schema=OFF",
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._bootstrap()

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"mysql+asyncmy://{USER}:{ENCODED}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self._folder / "log").open("ab")
        listen = [f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1", "--max-connections=60"]
        self._process = subprocess.Popen([*self._base, *listen], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self.socket))
                    if probe.recv(1):
                        return
                except OSError:
                    assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError((self._folder / "log").read_text())

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in order, or at once if it takes too long."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)  # a frozen one would not hear SIGTERM
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            self._process = None

    def _bootstrap(self) -> None:
        """What mariadb-install-db does, which needs programs of other packages."""
        (self._folder / "data" / "mysql").mkdir(parents=True)
        share = next(Path(share) for share in _SHARES if Path(share, "mysql_system_tables.sql").is_file())
        tables = [(share / f"mysql_system_tables{part}.sql").read_text() for part in ("", "_data")]
        # No rights on the server as a whole: as root's own it might write where it is read-only.
        grants = (
            f"FLUSH PRIVILEGES;\nCREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON `t\\_%`.* TO {USER}@'127.0.0.1';\n"
            f"CREATE USER boss@'127.0.0.1';\nGRANT ALL ON *.* TO boss@'127.0.0.1';\n"
        )
        done = subprocess.run(
            [*self._base, "--bootstrap"],
            input="\n".join(["USE mysql;", *tables, grants]),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
