// Starts hearth serve on a free port for a test and stops it afterwards.
import {spawn, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** {url, log(), stop()}: the random chat model 'chat' (the default one) and the specialist. */
export async function startServer(binary, args = [], env = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'hearth-clients-'));
  const model = path.join(folder, 'chat');
  const made = spawnSync('python3', ['-B', path.join(here, 'make_chat_model.py'), model]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  const child = spawn(binary, ['serve', model, '--port', '0', '--threads', '2', ...args], {
    env: {...process.env, HEARTH_HOME: path.join(folder, 'home'), HEARTH_NO_CHECK: '1', ...env},
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const url = await new Promise((resolve, reject) => {
    child.stderr.on('data', (data) => {
      log += data;
      const found = log.match(/https?:\/\/[^\s]+/);
      if (found) resolve(found[0]);
    });
    child.on('exit', () => reject(new Error(`hearth serve ended: ${log}`)));
  });
  const stop = async () => {
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGTERM');
    const status = await ended;
    rmSync(folder, {recursive: true, force: true});
    return status;
  };
  return {url, log: () => log, stop, child};
}
