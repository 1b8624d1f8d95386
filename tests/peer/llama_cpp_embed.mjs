// Lets llama.cpp make embeddings: one JSON object on stdout. Not part of `make test`.
// Usage: node llama_cpp_embed.mjs FOLDER_WITH_NODE_MODULES MODEL TEXT...
import path from "node:path";
import {pathToFileURL} from "node:url";

const [folder, modelPath, ...texts] = process.argv.slice(2);
const library = path.resolve(folder, "node_modules/node-llama-cpp/dist/index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(library).href);

const llama = await getLlama({gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath});
const context = await model.createEmbeddingContext({contextSize: 256, batchSize: 256, threads: 1});
const vectors = [];
for (const text of texts) vectors.push((await context.getEmbeddingFor(text)).vector);
console.log(JSON.stringify({release: llama.llamaCppRelease.release, vectors}));
process.exit(0);
