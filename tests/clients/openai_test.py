#!/usr/bin/env python3
"""The openai package of PyPI against hearth serve: openai_test.py HEARTH."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing
import unittest

import openai
import pydantic

HERE = pathlib.Path(__file__).resolve().parent
HEARTH = sys.argv.pop(1)


class Person(pydantic.BaseModel):
    name: typing.Literal["Ann", "Bob"]
    age: int = pydantic.Field(ge=0, le=120)


class OpenAiClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        model = pathlib.Path(cls.folder.name) / "chat"
        subprocess.run([sys.executable, "-B", HERE / "make_chat_model.py", model], check=True)
        env = {**os.environ, "HEARTH_HOME": cls.folder.name + "/home", "HEARTH_NO_CHECK": "1", "HEARTH_API_KEY": "a secret"}
        cls.server = subprocess.Popen([HEARTH, "serve", model, "--port", "0"], stderr=subprocess.PIPE, text=True, env=env)
        for line in cls.server.stderr:
            if found := re.search(r"http://\S+", line):
                cls.url = found.group(0)
                break
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="a secret", max_retries=0)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.terminate()
        cls.server.stderr.read()
        assert cls.server.wait(30) == 0
        cls.server.stderr.close()
        cls.folder.cleanup()

    def test_a_wrong_key_is_refused(self) -> None:
        with self.assertRaises(openai.AuthenticationError):
            openai.OpenAI(base_url=self.url + "/v1", api_key="another", max_retries=0).models.list()

    def test_models(self) -> None:
        self.assertEqual([model.id for model in self.client.models.list()], ["chat", "hearth-device"])

    def test_streams(self) -> None:
        request = dict(model="chat", messages=[{"role": "user", "content": "hello"}], max_tokens=20, temperature=0)
        whole = self.client.chat.completions.create(**request).choices[0].message.content
        pieces = [event.choices[0].delta.content or "" for event in self.client.chat.completions.create(**request, stream=True)]
        self.assertEqual("".join(pieces), whole)

    def test_parses_into_a_class(self) -> None:
        answer = self.client.chat.completions.parse(
            model="chat", messages=[{"role": "user", "content": "who?"}], response_format=Person, temperature=1.5, seed=3, max_tokens=100,
            logit_bias={104: -100, 257: -100, 260: -100})
        self.assertIn(answer.choices[0].message.parsed.name, ("Ann", "Bob"))

    def test_specialist(self) -> None:
        answer = self.client.responses.create(model="hearth-device", input="lock the front door")
        self.assertEqual(json.loads(answer.output_text)["tool"], "lock")

    def test_embeddings(self) -> None:
        texts = [f"text {i}" for i in range(20)]
        whole = self.client.embeddings.create(model="chat", input=texts)  # the package asks for base64
        self.assertEqual([one.index for one in whole.data], list(range(20)))
        plain = self.client.embeddings.create(model="chat", input=texts[3], encoding_format="float").data[0].embedding
        self.assertEqual(len(plain), len(whole.data[3].embedding))
        for a, b in zip(plain, whole.data[3].embedding):
            self.assertAlmostEqual(a, b, delta=1e-7)
        self.assertAlmostEqual(sum(x * x for x in plain), 1, delta=1e-6)
        self.assertEqual(len(self.client.embeddings.create(model="chat", input=[[5, 6, 7]], dimensions=3).data[0].embedding), 3)

    def test_a_prompt_over_the_context(self) -> None:
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.completions.create(model="chat", prompt="x" * 9000)
        self.assertEqual(caught.exception.code, "context_length_exceeded")


if __name__ == "__main__":
    unittest.main()
