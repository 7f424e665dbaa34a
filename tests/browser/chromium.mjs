/** A headless Chromium, driven through pipes; no packages are needed. */

import {spawn} from "node:child_process";
import {mkdtemp, rm} from "node:fs/promises";
import {tmpdir} from "node:os";
import {join} from "node:path";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
  "--no-first-run", "--disable-extensions", "--hide-scrollbars",
  "--disable-background-networking", "--disable-component-update",
  "--disable-renderer-backgrounding", "--enable-precise-memory-info",
  "--js-flags=--expose-gc", "--remote-debugging-pipe",
];

/** The browser. */
export class Chromium {
  /** Starts the program that the environment's CHROMIUM names. */
  static async launch() {
    const folder = await mkdtemp(join(tmpdir(), "chromium-"));
    const child = spawn(
      process.env.CHROMIUM, [...FLAGS, `--user-data-dir=${folder}`],
      {stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"]});
    const chromium = new Chromium(child, folder);
    const {product} = await chromium.send("Browser.getVersion");
    chromium.version = product;
    return chromium;
  }

  constructor(child, folder) {
    this.#child = child;
    this.#folder = folder;
    let rest = "";
    child.stdio[4].setEncoding("utf8").on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
    const ended = (why) => {
      for (const {reject} of this.#waiting.values()) {
        reject(new Error(`Chromium ended: ${why}`));
      }
    };
    child.on("error", ended);
    child.on("exit", ended);
  }

  #child;
  #folder;
  #count = 0;
  #waiting = new Map();
  #listeners = new Set();

  /** Sends a command of the DevTools protocol; returns its result. */
  send(method, params = {}, sessionId = undefined) {
    const id = this.#count += 1;
    const message = JSON.stringify({id, method, params, sessionId});
    this.#child.stdio[3].write(`${message}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject, method});
    });
  }

  /** Calls a function with all events, until the returned one is called. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Opens a page of a size. */
  async open(url, size = {}) {
    const {targetId} = await this.send(
      "Target.createTarget", {url: "about:blank"});
    const {sessionId} = await this.send(
      "Target.attachToTarget", {targetId, flatten: true});
    const page = new Page(this, targetId, sessionId);
    await page.start(url, size);
    return page;
  }

  async close() {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.send("Browser.close").catch(() => {});
    await gone;
    await rm(this.#folder, {recursive: true, force: true, maxRetries: 5});
  }

  #receive({id, result, error, ...event}) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) {
      waiting?.reject(new Error(`${waiting.method}: ${error.message}`));
    } else if (waiting) {
      waiting.resolve(result);
    } else {
      for (const listener of this.#listeners) listener(event);
    }
  }
}

/** A page of the browser. */
export class Page {
  constructor(chromium, targetId, sessionId) {
    this.#chromium = chromium;
    this.#targetId = targetId;
    this.#sessionId = sessionId;
    /** What the page complained about. */
    this.errors = [];
  }

  #chromium;
  #targetId;
  #sessionId;

  async start(url, {width = 1280, height = 800, mobile = false, scheme} = {}) {
    this.#chromium.listen(({method, params, sessionId}) => {
      if (sessionId !== this.#sessionId) return;
      if (method === "Runtime.exceptionThrown") {
        const {exception, text} = params.exceptionDetails;
        this.errors.push(exception?.description ?? text);
      }
      if (method === "Runtime.consoleAPICalled" && params.type === "error") {
        this.errors.push(params.args.map(({value}) => value).join(" "));
      }
    });
    await this.send("Runtime.enable");
    await this.send("Page.enable");
    await this.send("Emulation.setDeviceMetricsOverride", {
      width, height, mobile, deviceScaleFactor: mobile ? 2 : 1,
    });
    if (mobile) {
      await this.send("Emulation.setTouchEmulationEnabled", {enabled: true});
    }
    if (scheme) {
      await this.send("Emulation.setEmulatedMedia", {
        features: [{name: "prefers-color-scheme", value: scheme}],
      });
    }
    const loaded = new Promise((resolve) => {
      const drop = this.#chromium.listen(({method, sessionId}) => {
        if (sessionId === this.#sessionId &&
            method === "Page.loadEventFired") {
          drop();
          resolve();
        }
      });
    });
    await this.send("Page.navigate", {url});
    await loaded;
  }

  send(method, params) {
    return this.#chromium.send(method, params, this.#sessionId);
  }

  /** Runs a function in the page, with plain arguments; returns its value. */
  async run(work, ...values) {
    const {result, exceptionDetails} = await this.send("Runtime.evaluate", {
      expression: `(${work})(...${JSON.stringify(values)})`,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    if (exceptionDetails) {
      const {exception, text} = exceptionDetails;
      throw new Error(exception?.description ?? exception?.value ?? text);
    }
    return result.value;
  }

  /** Waits until a function in the page returns something true. */
  async until(work, ...values) {
    for (let tries = 0; tries < 600; tries += 1) {
      const value = await this.run(work, ...values);
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`It took more than 30 s: ${work}`);
  }

  /** Presses a key, such as Tab; those that write something give a text. */
  async press(key, code, windowsVirtualKeyCode, text = undefined) {
    for (const type of ["keyDown", "keyUp"]) {
      await this.send("Input.dispatchKeyEvent",
        {type, key, code, windowsVirtualKeyCode, text});
    }
  }

  /** Drags the mouse through points. */
  async drag(points) {
    const [first] = points;
    const mouse = (type, [x, y]) => this.send("Input.dispatchMouseEvent", {
      type, x, y, button: "left", buttons: 1, clickCount: 1});
    await mouse("mousePressed", first);
    for (const point of points) await mouse("mouseMoved", point);
    await mouse("mouseReleased", points.at(-1));
  }

  /** Returns a picture of the whole page, as the bytes of a PNG file. */
  async screenshot() {
    const {data} = await this.send(
      "Page.captureScreenshot", {captureBeyondViewport: true});
    return Buffer.from(data, "base64");
  }

  async close() {
    await this.#chromium.send(
      "Target.closeTarget", {targetId: this.#targetId});
  }
}
