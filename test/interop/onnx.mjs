// Runs an ONNX model with onnxruntime: node onnx.mjs MODEL INPUT DIMS OUTPUT
// INPUT is float32, DIMS its shape as JSON. OUTPUT gets, as JSON, the model's
// output for all rows of the input and for the first alone.
import { readFileSync, writeFileSync } from "node:fs";
import ort from "onnxruntime-node";

const [model, input, shape, output] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
const dims = JSON.parse(shape);
const bytes = readFileSync(input);
const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);

async function run(rows) {
  const size = (data.length / dims[0]) * rows;
  const images = new ort.Tensor("float32", data.slice(0, size), [rows, ...dims.slice(1)]);
  const result = await session.run({ [session.inputNames[0]]: images });
  return Array.from(result[session.outputNames[0]].data);
}

writeFileSync(output, JSON.stringify({ all: await run(dims[0]), one: await run(1) }));
