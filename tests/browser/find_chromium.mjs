/**
 * Prints the path of a Chromium: the one that CHROMIUM names, or one that is
 * installed, or that of the npm package `@sparticuz/chromium`, which it
 * installs and unpacks into build/chromium (for Linux on x86-64; 75 MB, once).
 */

import {execFileSync} from "node:child_process";
import {chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync,
  writeFileSync} from "node:fs";
import {delimiter, join} from "node:path";
import {fileURLToPath} from "node:url";
import {brotliDecompressSync} from "node:zlib";

const NAMES = ["chromium", "chromium-browser", "google-chrome",
  "google-chrome-stable", "chrome"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const HERE = fileURLToPath(new URL(".", import.meta.url));
const UNPACKED = fileURLToPath(new URL("../../build/chromium", import.meta.url));
// Its libraries serve where there are none.
const SCRIPT = `#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib"
[ -d /etc/fonts ] || export FONTCONFIG_PATH="$here"
exec "$here/chromium" "$@"
`;

function installed() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const paths = NAMES.flatMap((name) =>
    folders.map((folder) => join(folder, name)));
  return [...paths, ...PLACES].find((path) => existsSync(path));
}

function unpacked() {
  const script = join(UNPACKED, "run");
  if (existsSync(script)) return script;
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error("there is none for this machine in the npm package");
  }
  mkdirSync(UNPACKED, {recursive: true});
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) {
    copyFileSync(join(HERE, name), join(UNPACKED, name));
  }
  execFileSync("npm", ["ci", "--silent", "--no-audit", "--no-fund"],
    {cwd: UNPACKED, stdio: ["ignore", "ignore", "inherit"]});
  const packed = (name) => brotliDecompressSync(readFileSync(
    join(UNPACKED, "node_modules/@sparticuz/chromium/bin", `${name}.br`)));
  const program = join(UNPACKED, "chromium");
  writeFileSync(program, packed("chromium"));
  for (const name of ["al2023.tar", "fonts.tar"]) {
    execFileSync("tar", ["-x", "-C", UNPACKED], {input: packed(name)});
  }
  writeFileSync(`${script}.new`, SCRIPT);
  for (const file of [program, `${script}.new`]) chmodSync(file, 0o755);
  renameSync(`${script}.new`, script);
  return script;
}

try {
  const path = process.env.CHROMIUM || installed() || unpacked();
  const version = execFileSync(path, ["--version"], {
    encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]});
  console.error(version.trim());
  console.log(path);
} catch (error) {
  console.error(
    "There is no Chromium to test with. Install one, such as Debian's " +
    "package chromium, or name its program: make test-browser CHROMIUM=path " +
    `(${error.message.split("\n")[0]}).`);
  process.exitCode = 1;
}
