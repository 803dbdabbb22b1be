// Trouble is a problem that the skin itself found. Its sentences lie with the languages, under its code.
export class Trouble extends Error {
  constructor(code) {
    super(code);
    this.problem = { code, message: "", next: "" };
  }
}
