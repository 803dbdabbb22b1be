// The camera, and reading a QR code from it. Pictures stay in this page: nothing is kept or sent.

import { Trouble } from "./trouble.js";

const refused = {
  NotAllowedError: "camera_denied", SecurityError: "camera_denied", NotFoundError: "camera_missing",
  OverconstrainedError: "camera_missing", NotReadableError: "camera_busy", AbortError: "camera_busy",
};

// most is the longest side of a picture that is decoded; more is slower and reads no better.
const most = 800;

// reader finds what decodes: the browser's own detector, else the one that comes with the app.
async function reader() {
  if ("BarcodeDetector" in window) {
    try {
      if ((await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
        const detector = new BarcodeDetector({ formats: ["qr_code"] });
        return async (canvas) => (await detector.detect(canvas))[0]?.rawValue ?? null;
      }
    } catch { /* It is there and does not work: some systems have it without its service. */ }
  }
  const { decodeQR } = await import("./vendor/qr/decode.js");
  return (canvas, context) => {
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      return null; // no code in this picture
    }
  };
}

export class Camera {
  #stream = null;
  #stopped = false;

  // start shows the camera in the video and answers with the first text that found takes, or null when it was stopped.
  async start(video, takes) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Trouble("camera_missing");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
    } catch (e) {
      throw new Trouble(refused[e.name] ?? "camera_busy");
    }
    if (this.#stopped) return this.stop();
    video.srcObject = this.#stream;
    await video.play().catch(() => {});
    const read = await reader();
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    while (!this.#stopped) {
      if (video.videoWidth > 0) {
        const scale = Math.min(1, most / Math.max(video.videoWidth, video.videoHeight));
        canvas.width = Math.round(video.videoWidth * scale);
        canvas.height = Math.round(video.videoHeight * scale);
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        const text = await read(canvas, context);
        if (text && takes(text)) {
          this.stop();
          return text;
        }
      }
      await new Promise((next) => { setTimeout(next, 120); });
    }
    return null;
  }

  stop() {
    this.#stopped = true;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    return null;
  }
}
