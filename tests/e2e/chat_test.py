"""hearth chat on a real terminal (a pty): line editing, Ctrl-C, SIGTERM, the dim line, commands that change the conversation.
Standard library only.

Usage: chat_test.py HEARTH SOURCE_DIR
"""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

HEARTH, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
DEVICE = SOURCE / "models/device/device.gguf"
PATIENCE_S = 120 if "asan" in HEARTH or "tsan" in HEARTH else 30


def has_terminals():
    try:
        for end in pty.openpty():
            os.close(end)
        return True
    except OSError:  # a container without /dev/pts
        return False


class Terminal:
    """A hearth process whose standard streams are one terminal."""

    def __init__(self, *arguments):
        self.primary, secondary = pty.openpty()
        self.process = subprocess.Popen([HEARTH, *map(str, arguments)], stdin=secondary, stdout=secondary, stderr=secondary,
                                        env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm"), start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(secondary)
        self.seen = ""

    def type(self, text):
        os.write(self.primary, text.encode())

    def read(self, seconds):
        if select.select([self.primary], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.primary, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                return False
        return True

    def wait_for_editor(self):
        """Until the line editor reads: it prints its prompt a moment before it takes the terminal, and what is typed between
        the two is echoed twice or, as Ctrl-D, lost."""
        self.wait_for("> ")
        end = time.monotonic() + PATIENCE_S
        while termios.tcgetattr(self.primary)[3] & termios.ICANON:
            if time.monotonic() > end:
                raise AssertionError("the editor does not take the terminal")
            time.sleep(0.01)

    def wait_for(self, pattern):
        """Consumes output up to a match of `pattern` and returns it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = re.search(pattern, self.seen)
            if found:
                before, self.seen = self.seen[:found.end()], self.seen[found.end():]
                return before
            if not self.read(0.2):
                break
        raise AssertionError(f"no {pattern!r} in {self.seen!r}")

    def finish(self):
        """Reads to the end; the exit status."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            self.read(0.1)
        status = self.process.wait(timeout=5)
        while self.read(0.1) and select.select([self.primary], [], [], 0)[0]:
            pass
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.primary)


class Chat(unittest.TestCase):
    def setUp(self):
        if not has_terminals():
            print("SKIPPED: no pseudo-terminals here, so nothing of the chat on a terminal was tried", file=sys.stderr)
            self.skipTest("no pseudo-terminals")
        self.folder = tempfile.TemporaryDirectory()
        self.saved = pathlib.Path(self.folder.name) / "chat.json"
        self.terminals = []

    def tearDown(self):
        for terminal in self.terminals:
            terminal.close()
        self.folder.cleanup()

    def chat(self, *arguments):
        terminal = Terminal("chat", *arguments)
        self.terminals.append(terminal)
        terminal.wait_for("/help lists the commands")
        terminal.wait_for_editor()
        return terminal

    def save(self, terminal):
        terminal.type(f"/save {self.saved}\n")
        terminal.wait_for(r"saved \d+ messages")
        return json.loads(self.saved.read_text())

    def test_ctrl_c_stops_the_answer_and_keeps_the_chat(self):
        terminal = self.chat(DEVICE, "--ignore-end", "--reference", "--temp", "0")
        terminal.type("turn on the kitchen lights\n")
        terminal.wait_for(r"lights\r\n[^\r\n]")  # the answer has begun
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.wait_for(r"\[stopped\]")
        messages = self.save(terminal)["messages"]
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"])
        self.assertTrue(messages[1]["content"])
        terminal.type("/exit\n")
        self.assertEqual(terminal.finish(), 0)

    def test_two_ctrl_c_at_the_prompt_leave(self):
        terminal = self.chat(DEVICE)
        terminal.type("\x03")
        terminal.wait_for("Ctrl-C again or Ctrl-D leaves")
        terminal.wait_for_editor()
        terminal.type("\x03")
        self.assertEqual(terminal.finish(), 0)

    def test_sigterm_ends_the_chat(self):
        terminal = self.chat(DEVICE)
        os.kill(terminal.process.pid, signal.SIGTERM)
        self.assertEqual(terminal.finish(), 1)

    def test_lines_are_edited_by_characters(self):
        terminal = self.chat(DEVICE, "-n", "4", "--temp", "0")
        terminal.type("/system é漢x\x7fy\n")
        terminal.wait_for("system message set")
        terminal.type("lockk\x7f the front door\n")
        terminal.wait_for("tok/s")
        terminal.type("\x1b[A\n")  # the line before once more
        terminal.wait_for("tok/s")
        chat = self.save(terminal)
        self.assertEqual(chat["system"], "é漢y")
        self.assertEqual([m["content"] for m in chat["messages"] if m["role"] == "user"], ["lock the front door"] * 2)

    def test_one_dim_line_after_each_answer(self):
        terminal = self.chat(DEVICE, "-n", "4", "--temp", "0")
        terminal.type("lock the front door\n")
        line = terminal.wait_for(r"\x1b\[2m(\d+) tokens, [\d.]+ tok/s, first token [\d.]+ s, context \d+ of \d+\x1b\[0m")
        self.assertIn("4 tokens", line)

    def test_a_conversation_is_kept_forgotten_and_taken_up_again(self):
        terminal = self.chat(DEVICE, "-n", "4", "--temp", "0")

        def context():
            return int(re.search(r"context (\d+) of", terminal.wait_for(r"context \d+ of"))[1])

        terminal.type("lock the front door\n")
        first = context()
        terminal.type('"""\ntwo\nlines\n"""\n')
        second = context()
        self.assertGreater(second, first + 4)
        self.assertEqual(self.save(terminal)["messages"][2]["content"], "two\nlines")
        kept = self.saved.with_name("kept.json")
        kept.write_bytes(self.saved.read_bytes())
        terminal.type("/reset \n")
        terminal.wait_for("conversation forgotten")
        self.assertEqual(self.save(terminal)["messages"], [])
        terminal.type("lock the front door\n")
        self.assertEqual(context(), first)
        terminal.type(f"/load {kept}\n")
        terminal.wait_for("loaded 4 messages")
        terminal.type("lock the front door\n")
        self.assertGreater(context(), second)  # what was loaded stands before the new turn

    def test_a_model_that_is_not_there_changes_nothing(self):
        terminal = self.chat(DEVICE, "-n", "4", "--temp", "0")
        terminal.type("/model /nonexistent.gguf\n")
        terminal.wait_for("/nonexistent.gguf: no such file")
        terminal.type(f"/model {DEVICE}\n")
        terminal.type("/set temp 0.2\n")
        terminal.wait_for("temp = 0.2")
        terminal.type("lock the front door\n")
        terminal.wait_for("tok/s")
        self.assertTrue(self.save(terminal)["model"].endswith("device.gguf"))

    def test_the_catalogue_is_not_saved_over(self):
        catalogue = pathlib.Path(self.folder.name) / "home.toml"
        text = (SOURCE / "models/device/catalogue.toml").read_bytes()
        catalogue.write_bytes(text)
        terminal = self.chat("--catalogue", catalogue)
        terminal.type(f"/save {catalogue}\n")
        terminal.wait_for("is an input itself")
        self.assertEqual(catalogue.read_bytes(), text)

    def test_without_a_model_the_specialist_answers(self):
        terminal = self.chat()
        terminal.type("lock the front door\n")
        terminal.wait_for(re.escape('{"tool":"lock","device":"front door","state":"lock"}'))
        terminal.type("who won the match in lisbon\n")
        terminal.wait_for(re.escape('{"tool":"escalate","reason":"out_of_scope"}'))
        terminal.wait_for_editor()
        terminal.type("\x04")
        self.assertEqual(terminal.finish(), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
