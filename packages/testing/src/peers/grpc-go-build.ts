import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { echoProtoPath } from '../servers/echo-service.js';

const run = promisify(execFile);

/** The same from `src` as from `dist`. */
const SOURCES = fileURLToPath(new URL('../../peers/grpc-go/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/grpc-manifold/', import.meta.url));
/** Where Debian's Go libraries are. */
const DEBIAN_GOPATH = '/usr/share/gocode';

let built: Promise<string> | undefined;

/**
 * Builds the grpc-go server from Debian's packages, unless these very sources have been built before, and returns the
 * path of the program. Takes about half a minute the first time.
 *
 * @throws Error with the output of the compiler.
 */
export function buildGrpcGo(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const proto = await readFile(echoProtoPath, 'utf8');
  const sources = (await readdir(SOURCES)).filter((name) => name.endsWith('.go')).sort();
  const hash = createHash('sha256').update(proto);
  for (const name of sources) hash.update(name).update(await readFile(join(SOURCES, name)));
  const program = join(CACHE, `grpc-go-echo-${process.arch}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;

  await mkdir(CACHE, { recursive: true });
  // A new folder for each build: several test processes may build at the same time.
  const gopath = await mkdtemp(join(CACHE, 'gopath-'));
  try {
    const echo = join(gopath, 'src/echo');
    const main = join(gopath, 'src/grpc-go-echo');
    await Promise.all([mkdir(echo, { recursive: true }), mkdir(main, { recursive: true })]);
    await writeFile(join(gopath, 'echo.proto'), withoutOptional(proto));
    await run('protoc', [`-I${gopath}`, `--go_out=plugins=grpc,import_path=echo:${echo}`, 'echo.proto']);
    await Promise.all(sources.map((name) => copyFile(join(SOURCES, name), join(main, name))));
    const output = join(gopath, 'program');
    await run('go', ['build', '-o', output, 'grpc-go-echo'], {
      env: {
        ...process.env,
        // Debian installs Go libraries in the layout from before modules. No C compiler is needed.
        GO111MODULE: 'off',
        CGO_ENABLED: '0',
        GOFLAGS: '',
        GOPATH: `${gopath}:${DEBIAN_GOPATH}`,
        GOCACHE: join(CACHE, 'go-build'),
      },
    });
    await rename(output, program);
  } finally {
    await rm(gopath, { recursive: true, force: true });
  }
  return program;
}

/**
 * Debian's protoc-gen-go does not support `optional` in proto3. A oneof with one field is equivalent: it has the same
 * wire format and tracks whether the field is set.
 */
function withoutOptional(proto: string): string {
  return proto.replaceAll(/^( *)optional (\w+ (\w+) = \d+;)/gm, '$1oneof has_$3 { $2 }');
}
