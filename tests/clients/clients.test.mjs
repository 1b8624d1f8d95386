// The real clients against the real server: openai, ollama, and the ai package with its OpenAI-compatible provider.
// Usage: HEARTH=/path/to/hearth node --test clients.test.mjs
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {embedMany, generateObject, generateText, stepCountIs, streamText, tool} from 'ai';
import {Ollama} from 'ollama';
import OpenAI from 'openai';
import {z} from 'zod';

import {startServer} from './server.mjs';

let server, openai, ollama;
const say = (content) => [{role: 'user', content}];
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    strict: true,
    parameters: {
      type: 'object',
      properties: {city: {type: 'string', enum: ['Paris', 'Oslo']}, days: {type: 'integer', minimum: 1, maximum: 7}},
      required: ['city', 'days'],
      additionalProperties: false,
    },
  },
};
// The family may think before it calls, and a random model would go on thinking: no 'h', no <think>.
const noThinking = {104: -100, 257: -100, 260: -100};
const person = {
  type: 'object',
  properties: {
    name: {type: 'string', maxLength: 12},
    age: {type: 'integer', minimum: 0, maximum: 120},
    tags: {type: 'array', items: {type: 'string', enum: ['a', 'b']}, maxItems: 3},
  },
  required: ['name', 'age', 'tags'],
  additionalProperties: false,
};

before(async () => {
  server = await startServer(process.env.HEARTH);
  openai = new OpenAI({baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0});
  ollama = new Ollama({host: server.url});
});
after(async () => assert.equal(await server.stop(), 0));

test('openai: models', async () => {
  const ids = [];
  for await (const model of openai.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ['chat', 'hearth-device']);
  assert.equal((await openai.models.retrieve('chat')).id, 'chat');
  await assert.rejects(openai.models.retrieve('none'), {status: 404});
});

test('openai: the specialist answers', async () => {
  const answer = await openai.chat.completions.create({model: 'hearth-device', messages: say('lock the front door')});
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), {tool: 'lock', device: 'front door', state: 'lock'});
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('openai: a stream is the whole answer in pieces', async () => {
  const request = {model: 'chat', messages: say('hello'), max_tokens: 40, temperature: 1, seed: 5};
  const whole = await openai.chat.completions.create(request);
  const stream = await openai.chat.completions.create({...request, stream: true, stream_options: {include_usage: true}});
  let text = '', usage, reason;
  for await (const event of stream) {
    text += event.choices[0]?.delta?.content ?? '';
    reason = event.choices[0]?.finish_reason ?? reason;
    usage = event.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(reason, whole.choices[0].finish_reason);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  assert.ok(usage.prompt_tokens_details.cached_tokens > 0);
});

test('openai: n answers, log-probabilities, bias, stop', async () => {
  const answer = await openai.chat.completions.create(
      {model: 'chat', messages: say('x'), n: 3, max_tokens: 8, seed: 1, temperature: 1, logprobs: true, top_logprobs: 2});
  assert.equal(answer.choices.length, 3);
  assert.equal(new Set(answer.choices.map((c) => c.message.content)).size, 3);
  for (const choice of answer.choices) {
    assert.ok(choice.logprobs.content.length <= 8);
    for (const token of choice.logprobs.content) {
      assert.equal(token.top_logprobs.length, 2);
      assert.ok(token.logprob <= 0 && token.logprob <= token.top_logprobs[0].logprob);
    }
  }
  const forced = await openai.chat.completions.create(
      {model: 'chat', messages: say('x'), max_tokens: 5, logit_bias: {65: 100}, stop: ['bbb']});
});

test('openai: JSON Schema holds at any temperature', async () => {
  for (let seed = 1; seed <= 6; ++seed) {
    const answer = await openai.chat.completions.create({
      model: 'chat', messages: say('who?'), temperature: 1.5, seed, max_tokens: 200,
      response_format: {type: 'json_schema', json_schema: {name: 'person', strict: true, schema: person}},
    });
    const value = JSON.parse(answer.choices[0].message.content);
    assert.deepEqual(Object.keys(value), ['name', 'age', 'tags']);
    assert.ok([...value.name].length <= 12 && Number.isInteger(value.age) && value.age >= 0 && value.age <= 120);
    assert.ok(value.tags.length <= 3 && value.tags.every((t) => t === 'a' || t === 'b'));
  }
});

test('openai: what is cut by max_tokens is still closed', async () => {
  const answer = await openai.chat.completions.create({
    model: 'chat', messages: say('who?'), temperature: 1.5, seed: 3, max_tokens: 60,
    response_format: {type: 'json_schema', json_schema: {name: 'p', strict: true, schema: {
      type: 'object', properties: {text: {type: 'string'}, n: {type: 'integer'}}, required: ['text', 'n'], additionalProperties: false}}},
  });
  const value = JSON.parse(answer.choices[0].message.content);
  assert.equal(typeof value.text, 'string');
  assert.ok(Number.isInteger(value.n));
});

test('openai: an unsupported keyword is named', async () => {
  const request = {model: 'chat', messages: say('x'), response_format: {
    type: 'json_schema', json_schema: {name: 'p', schema: {type: 'array', contains: {type: 'integer'}}}}};
  await assert.rejects(openai.chat.completions.create(request), (error) => error.status === 400 && /contains/.test(error.message));
});

test('openai: forced tool calls fit their schema', async () => {
  for (const choice of ['required', {type: 'function', function: {name: 'get_weather'}}]) {
    const answer = await openai.chat.completions.create(
        {model: 'chat', messages: say('weather?'), tools: [weather], tool_choice: choice, temperature: 1.5, seed: 2, max_tokens: 300,
         parallel_tool_calls: false, logit_bias: noThinking});
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, 'get_weather');
    const args = JSON.parse(call.function.arguments);
    assert.ok(['Paris', 'Oslo'].includes(args.city) && args.days >= 1 && args.days <= 7);
  }
});

test('openai: streamed tool calls', async () => {
  const stream = openai.chat.completions.stream(
      {model: 'chat', messages: say('weather?'), tools: [weather], tool_choice: 'required', parallel_tool_calls: false, max_tokens: 300,
       temperature: 1, seed: 9, logit_bias: noThinking});
  const final = await stream.finalChatCompletion();
  assert.ok(['Paris', 'Oslo'].includes(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments).city));
});

test('openai: completions and responses', async () => {
  const text = await openai.completions.create({model: 'chat', prompt: ['one', 'two'], max_tokens: 4, temperature: 0});
  assert.deepEqual(text.choices.map((c) => c.index), [0, 1]);
  const echo = await openai.completions.create({model: 'chat', prompt: 'one', max_tokens: 4, temperature: 0, echo: true});
  assert.equal(echo.choices[0].text, 'one' + text.choices[0].text);
  const response = await openai.responses.create({model: 'chat', input: 'hello', max_output_tokens: 12, temperature: 0});
  const stream = openai.responses.stream({model: 'chat', input: 'hello', max_output_tokens: 12, temperature: 0});
  let deltas = '';
  for await (const event of stream) if (event.type === 'response.output_text.delta') deltas += event.delta;
  assert.equal((await stream.finalResponse()).output_text, response.output_text);
  assert.equal(deltas, response.output_text);
});

test('openai: embeddings', async () => {
  const texts = Array.from({length: 40}, (_, i) => `text ${i}`);
  const all = await openai.embeddings.create({model: 'chat', input: texts});  // the package asks for base64
  assert.deepEqual(all.data.map((one) => one.index), texts.map((_, i) => i));
  assert.equal(new Set(all.data.map((one) => one.embedding.join())).size, texts.length);
  const one = await openai.embeddings.create({model: 'chat', input: texts[7], encoding_format: 'float'});
  assert.deepEqual(one.data[0].embedding.map(Math.fround), all.data[7].embedding);
  assert.ok(Math.abs(one.data[0].embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-6);
  const {tokens} = await (await fetch(`${server.url}/tokenize`, {
    method: 'POST', body: JSON.stringify({model: 'chat', content: texts[7], add_special: true})})).json();
  const ids = await openai.embeddings.create({model: 'chat', input: [tokens, [5, 6]], dimensions: 8});
  assert.deepEqual(ids.data.map((one) => one.embedding.length), [8, 8]);
  assert.ok(Math.abs(ids.data[0].embedding[0] / ids.data[0].embedding[1] - all.data[7].embedding[0] / all.data[7].embedding[1]) < 1e-4);
  assert.deepEqual(ids.usage, {prompt_tokens: tokens.length + 2, total_tokens: tokens.length + 2});
  await assert.rejects(openai.embeddings.create({model: 'chat', input: ['x', 'x'.repeat(9000)]}),
                       (error) => error.status === 400 && error.code === 'context_length_exceeded' && /9\d\d\d tokens/.test(error.message));
  await assert.rejects(openai.embeddings.create({model: 'hearth-device', input: 'x'}), {status: 400});
});

test('openai: errors have its shape', async () => {
  const long = openai.chat.completions.create({model: 'chat', messages: say('x'.repeat(9000))});
  await assert.rejects(long, (error) => error.status === 400 && error.code === 'context_length_exceeded' && /9\d\d\d tokens/.test(error.message));
  await assert.rejects(openai.chat.completions.create({model: 'none', messages: say('x')}), {status: 404});
  await assert.rejects(openai.chat.completions.create({model: 'chat', messages: say('x'), temperature: 'hot'}),
                       (error) => error.status === 400 && error.param === 'temperature');
});

test('openai: who goes away is noticed', async () => {
  const stream = await openai.chat.completions.create(
      {model: 'chat', messages: say('go on'), stream: true, max_tokens: 3000, temperature: 1, seed: 4, logit_bias: {261: -100}});
  for await (const _ of stream) break;  // closes the connection
  for (let i = 0; i < 100; ++i) {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    if (/hearth_answers_cancelled_total\{model_name="chat"\} [1-9]/.test(metrics) &&
        /hearth_answers_running\{model_name="chat"\} 0/.test(metrics)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('the answer went on');
});

test('openai: many at a time are answered as one alone is', async () => {
  const ask = (i) => openai.chat.completions.create({model: 'chat', messages: say(`question ${i}`), max_tokens: 30, temperature: 0});
  const alone = [];
  for (let i = 0; i < 12; ++i) alone.push((await ask(i)).choices[0].message.content);
  const together = await Promise.all(Array.from({length: 36}, (_, i) => ask(i % 12)));
  together.forEach((answer, i) => assert.equal(answer.choices[0].message.content, alone[i % 12]));
});

test('ollama: chat, generate, lists', async () => {
  const options = {temperature: 0, num_predict: 10};
  const whole = await ollama.chat({model: 'chat', messages: say('hello'), options});
  let text = '', last;
  for await (const part of await ollama.chat({model: 'chat', messages: say('hello'), options, stream: true})) {
    text += part.message.content;
    last = part;
  }
  assert.equal(text, whole.message.content);
  assert.ok(last.done && last.eval_count === whole.eval_count && last.total_duration > 0);
  assert.equal(typeof (await ollama.generate({model: 'chat', prompt: 'one', raw: true, options})).response, 'string');
  const formatted = await ollama.chat({model: 'chat', messages: say('who?'), format: person, options: {temperature: 1, seed: 1, num_predict: 200}});
  assert.equal(typeof JSON.parse(formatted.message.content).age, 'number');
  assert.deepEqual((await ollama.list()).models.map((m) => m.name), ['chat', 'hearth-device']);
  assert.ok((await ollama.ps()).models.some((m) => m.name === 'chat'));
  assert.ok((await ollama.show({model: 'chat'})).capabilities.includes('tools'));
  await assert.rejects(ollama.chat({model: 'none', messages: say('x')}), /none/);
});

test('ollama: embeddings', async () => {
  const {embeddings, prompt_eval_count} = await ollama.embed({model: 'chat', input: ['one', 'two']});
  const {embedding} = await ollama.embeddings({model: 'chat', prompt: 'two'});
  assert.deepEqual(embeddings[1], embedding);
  assert.notDeepEqual(embeddings[0], embedding);
  assert.ok(prompt_eval_count >= 6);
  assert.equal((await ollama.embed({model: 'chat', input: 'two', dimensions: 4})).embeddings[0].length, 4);
  await assert.rejects(ollama.embed({model: 'chat', input: 'x'.repeat(9000)}), /9\d\d\d tokens/);
});

test('ai: embeddings', async () => {
  const provider = createOpenAICompatible({name: 'hearth', baseURL: `${server.url}/v1`});
  const {embeddings, usage} = await embedMany({model: provider.embeddingModel('chat'), values: ['one', 'two'], maxRetries: 0});
  assert.deepEqual(embeddings[1], (await ollama.embed({model: 'chat', input: 'two'})).embeddings[0]);
  assert.ok(usage.tokens >= 6);
});

test('ai: text, objects and a tool loop', async () => {
  const provider = createOpenAICompatible({name: 'hearth', baseURL: `${server.url}/v1`, supportsStructuredOutputs: true});
  const settings = {model: provider('chat'), temperature: 1, seed: 11, maxOutputTokens: 300, maxRetries: 0};
  const {text} = await generateText({...settings, prompt: 'hello', maxOutputTokens: 10});
  let streamed = '';
  for await (const part of streamText({...settings, prompt: 'hello', maxOutputTokens: 10}).textStream) streamed += part;
  assert.equal(streamed, text);
  const schema = z.object({city: z.enum(['Paris', 'Oslo']), days: z.number().int().min(1).max(7)});
  const {object} = await generateObject({...settings, prompt: 'where?', schema});
  assert.ok(object.days >= 1 && object.days <= 7);
  const asked = [];
  const tools = {get_weather: tool({description: 'The weather', inputSchema: schema,
                                    execute: async (input) => (asked.push(input), {sky: 'blue'})})};
  let steps = 0;
  for (let seed = 1; seed <= 12 && steps < 2; ++seed) {  // those that do not begin with endless thoughts
    const result = await generateText({...settings, seed, prompt: 'weather?', tools, toolChoice: 'required', stopWhen: stepCountIs(2)});
    steps = result.steps.length;
  }
  assert.equal(steps, 2);
  assert.ok(asked.length >= 2 && asked.every((input) => ['Paris', 'Oslo'].includes(input.city)));
});
