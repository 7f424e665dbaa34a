/** Paper that digits are drawn on, and the image that a network sees of it. */

/** A canvas to draw digits on with a finger or the mouse. */
export class Drawing {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(done: boolean) => void} changed Called while and after a line is
   *   drawn.
   */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", {willReadFrequently: true}));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#last = this.#place(event);
      this.#line(this.#last);
      changed(false);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#last) return;
      this.#line(this.#place(event));
      changed(false);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => {
        if (this.#last) changed(true);
        this.#last = null;
      });
    }
  }

  #canvas;
  #context;
  /** @type {[number, number] | null} */
  #last = null;

  /** Takes a white sheet. */
  clear() {
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /**
   * Shows small gray dots, white on black, as ink on the paper.
   *
   * @param {ImageData} dots
   */
  show(dots) {
    this.clear();
    const size = this.#canvas.width / dots.width;
    for (let at = 0; at < dots.width * dots.height; at += 1) {
      const [x, y] = [at % dots.width, Math.floor(at / dots.width)];
      this.#context.globalAlpha = dots.data[4 * at] / 255;
      this.#context.fillRect(x * size, y * size, size, size);
    }
    this.#context.globalAlpha = 1;
  }

  /**
   * Returns what is drawn as the network knows digits: as high as the image,
   * in its middle, white on black.
   *
   * @param {number} size The width and height of the image.
   * @returns {ImageData | null} Null for a white sheet.
   */
  image(size) {
    const box = this.#box();
    if (!box) return null;
    const [left, top, width, height] = box;
    const scale = size / Math.max(width, height);
    const shrunk = new OffscreenCanvas(size, size);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      shrunk.getContext("2d", {willReadFrequently: true}));
    context.imageSmoothingQuality = "high";
    context.drawImage(
      this.#canvas, left, top, width, height,
      (size - width * scale) / 2, (size - height * scale) / 2,
      width * scale, height * scale);
    const image = context.getImageData(0, 0, size, size);
    for (let at = 0; at < image.data.length; at += 4) {
      image.data.fill(image.data[at + 3], at, at + 3);
      image.data[at + 3] = 255;
    }
    return image;
  }

  /** @returns {[number, number, number, number] | null} Where ink is. */
  #box() {
    const {width, height} = this.#canvas;
    const {data} = this.#context.getImageData(0, 0, width, height);
    let [left, top, right, bottom] = [width, height, -1, -1];
    for (let at = 0; at < width * height; at += 1) {
      if (data[4 * at + 3] < 64) continue;
      const [x, y] = [at % width, Math.floor(at / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
    return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  #place(event) {
    const {width} = this.#canvas.getBoundingClientRect();
    const scale = this.#canvas.width / width;
    return [event.offsetX * scale, event.offsetY * scale];
  }

  /** @param {[number, number]} to */
  #line(to) {
    const context = this.#context;
    context.lineWidth = this.#canvas.width / 9;
    context.lineCap = "round";
    context.strokeStyle = context.fillStyle = "#17202b";
    context.beginPath();
    context.moveTo(.../** @type {[number, number]} */ (this.#last));
    context.lineTo(...to);
    context.stroke();
    this.#last = to;
  }
}
