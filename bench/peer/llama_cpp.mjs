// Measures llama.cpp on a GGUF file: one JSON object on stdout with prefill and decode speed, as `hearth bench` defines them.
// Usage: node llama_cpp.mjs MODEL PROMPT_TOKENS GENERATED_TOKENS DEPTH THREADS REPEAT
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [modelPath, ...numbers] = process.argv.slice(2);
const [prompt, generated, depth, threads, repeat] = numbers.map(Number);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const seconds = () => Number(process.hrtime.bigint()) * 1e-9;

const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error});
const loadStart = seconds();
const model = await llama.loadModel({modelPath});
const load = seconds() - loadStart;
const context = await model.createContext({
    contextSize: depth + prompt + generated + 64, batchSize: 512, sequences: 1, threads: {ideal: threads, min: threads}
});
const sequence = context.getSequence();
// Tokens spread over the vocabulary; which they are does not change the work.
const tokens = (count, seed) => Array.from({length: count}, (_, i) => 256 + ((i + seed) * 7919) % 30000);

const prefill = [], decode = [];
for (let round = 0; round <= repeat; round++) { // the first warms up
    await sequence.clearHistory();
    if (depth > 0) await sequence.evaluateWithoutGeneratingNewTokens(tokens(depth, 1));
    if (prompt > 0) {
        const start = seconds();
        await sequence.evaluateWithoutGeneratingNewTokens(tokens(prompt, 2));
        if (round > 0) prefill.push(prompt / (seconds() - start));
    }
    await sequence.clearHistory();
    if (depth > 0) await sequence.evaluateWithoutGeneratingNewTokens(tokens(depth, 3));
    // One token to start from; the clock runs from the first generated token to the last.
    let count = 0, start = 0;
    for await (const token of sequence.evaluate(tokens(1, 4), {temperature: 0, yieldEogToken: true})) {
        if (count === 0) start = seconds();
        if (count++ === generated) break;
    }
    if (round > 0 && generated > 0) decode.push(generated / (seconds() - start));
}
console.log(JSON.stringify({
    engine: `llama.cpp ${llama.llamaCppRelease.release} (node-llama-cpp)`, system: llama.systemInfo.trim(),
    prefill_tokens_per_s: median(prefill), decode_tokens_per_s: median(decode), load_s: load,
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024
}));
process.exit(0);
