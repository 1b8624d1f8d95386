// Lets llama.cpp load a GGUF file and continue a text greedily: one JSON object on stdout. Not part of `make test`.
// Usage: node llama_cpp_continue.mjs FOLDER_WITH_NODE_MODULES MODEL COUNT PROMPT
import path from "node:path";
import {pathToFileURL} from "node:url";

const [folder, modelPath, count, prompt] = process.argv.slice(2);
const library = path.resolve(folder, "node_modules/node-llama-cpp/dist/index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(library).href);

const llama = await getLlama({gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath});
const context = await model.createContext({contextSize: 256, batchSize: 64, sequences: 1, threads: {ideal: 1, min: 1}});
const start = model.tokenize(prompt, false);
if (model.tokens.shouldPrependBosToken && model.tokens.bos != null) start.unshift(model.tokens.bos);
const tokens = [];
for await (const token of context.getSequence().evaluate(start, {temperature: 0, yieldEogToken: true})) {
    tokens.push(token);
    if (model.isEogToken(token) || tokens.length === Number(count)) break;
}
console.log(JSON.stringify({
    release: llama.llamaCppRelease.release, prompt_tokens: start, tokens,
    text: model.detokenize(tokens, false, start), file_type: model.fileInfo.metadata.general.file_type ?? null
}));
process.exit(0);
