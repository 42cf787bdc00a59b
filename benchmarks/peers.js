// Ages and genders by @vladmandic/human or @vladmandic/face-api, for benchmarks/peers.py.
//
// node peers.js FOLDER human|face-api
//
// FOLDER holds node_modules. Each line of the standard input is a JSON object with `file` (raw RGB
// bytes), `height` and `width`; each line of the standard output is null where no face is found,
// or an object with `age` (years), `gender` and milliseconds of processor time: `picture` (all) and
// `face` (without detection; null after the first pictures, as it takes a second detection). The
// first line of the output is the list of model files in use.
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const [folder, peer] = process.argv.slice(2);
const modules = path.resolve(folder, 'node_modules');
const tf = require(path.join(modules, '@tensorflow/tfjs'));
const wasm = require(path.join(modules, '@tensorflow/tfjs-backend-wasm'));
const wasmPath = path.join(modules, '@tensorflow/tfjs-backend-wasm/dist/');
wasm.setWasmPaths(wasmPath);
wasm.setThreadsCount(1);

const MEASURED = 50; // pictures

const area = (box) => box.width * box.height;
const largest = (faces, boxOf) => faces.reduce((a, b) => (area(boxOf(b)) > area(boxOf(a)) ? b : a));

async function timed(call) {
  const start = process.cpuUsage();
  const result = await call();
  const { user, system } = process.cpuUsage(start); // microseconds
  return [result, (user + system) / 1000];
}

// As in the package's demo/nodejs/node-age-gender.js.
async function loadHuman() {
  const root = path.join(modules, '@vladmandic/human');
  const models = path.join(root, 'models');
  globalThis.fetch = async (file) => new Response(fs.readFileSync(file)); // models from the disk
  const { Human } = require(path.join(root, 'dist/human.node-wasm.js'));
  const off = { enabled: false };
  const human = new Human({
    backend: 'wasm', wasmPath, modelBasePath: `${models}/`, debug: false, cacheSensitivity: 0,
    filter: off, body: off, hand: off, gesture: off, object: off, segmentation: off,
    face: {
      enabled: true,
      detector: { enabled: true, modelPath: 'blazeface.json', maxDetected: 10 },
      description: { enabled: true, modelPath: 'faceres.json', minConfidence: 0 },
      emotion: off, mesh: off, iris: off, antispoof: off, liveness: off,
    },
  });
  await human.load();
  const files = ['blazeface', 'faceres'].map((name) => path.join(models, `${name}.bin`));
  const description = (enabled) => ({ face: { description: { enabled } } });
  const detect = (tensor) => human.detect(tensor, description(false));
  const estimate = async (tensor) => {
    const { face } = await human.detect(tensor, description(true));
    return face.map((found) => ({ age: 0, ...found })); // it leaves out an age of 0
  };
  const boxOf = (face) => ({ width: face.box[2], height: face.box[3] });
  return [files, detect, estimate, boxOf];
}

// As in the package's demo/node-wasm.js, its options too, without expressions and descriptors.
async function loadFaceApi() {
  const root = path.join(modules, '@vladmandic/face-api');
  const models = path.join(root, 'model');
  await tf.setBackend('wasm');
  await tf.ready();
  const faceapi = require(path.join(root, 'dist/face-api.node-wasm.js'));
  const nets = {
    ssdMobilenetv1: 'ssd_mobilenetv1',
    faceLandmark68Net: 'face_landmark_68',
    ageGenderNet: 'age_gender',
  };
  for (const net of Object.keys(nets)) await faceapi.nets[net].loadFromDisk(models);
  const files = Object.values(nets).map((name) => path.join(models, `${name}_model.bin`));
  const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.1, maxResults: 10 });
  const detect = (tensor) => faceapi.detectAllFaces(tensor, options);
  const estimate = (tensor) => detect(tensor).withFaceLandmarks().withAgeAndGender();
  return [files, detect, estimate, (face) => face.detection.box];
}

async function main() {
  const load = { human: loadHuman, 'face-api': loadFaceApi }[peer];
  const [files, detect, estimate, boxOf] = await load();
  console.log(JSON.stringify(files));
  let measured = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { file, height, width } = JSON.parse(line);
    const tensor = tf.tensor3d(new Uint8Array(fs.readFileSync(file)), [height, width, 3], 'int32');
    const isMeasured = measured++ < MEASURED;
    const [, detection] = isMeasured ? await timed(() => detect(tensor)) : [null, NaN];
    const [faces, picture] = await timed(() => estimate(tensor));
    tf.dispose(tensor);
    const { age, gender } = faces.length ? largest(faces, boxOf) : {};
    const answer = faces.length ? { age, gender, picture, face: picture - detection } : null;
    console.log(JSON.stringify(answer));
  }
}

main();
