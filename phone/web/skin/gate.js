// The gate: one passkey on this phone's own authenticator, whose PRF output (WebAuthn level 3, §10.1.4) is the key of the vault.
// The output goes from here into the core and is overwritten; it is never text.

import { decode, encode } from "./bytes.js";
import { Trouble } from "./trouble.js";

const failures = {
  NotAllowedError: "gate_cancelled", InvalidStateError: "gate_unavailable", NotSupportedError: "gate_unavailable",
  SecurityError: "gate_address", AbortError: "gate_cancelled",
};

async function ask(ceremony) {
  if (!window.PublicKeyCredential) throw new Trouble("gate_unavailable");
  try {
    return await ceremony();
  } catch (e) {
    throw new Trouble(failures[e.name] ?? "gate_failed");
  }
}

function output(credential) {
  const first = credential.getClientExtensionResults().prf?.results?.first;
  if (!first) return null;
  return first instanceof ArrayBuffer ? new Uint8Array(first) : new Uint8Array(first.buffer, first.byteOffset, first.byteLength);
}

// make creates the gate. It answers the credential's id and the output, which is null where the platform has no PRF.
export async function make(setup, name) {
  const credential = await ask(() => navigator.credentials.create({
    publicKey: {
      rp: { id: location.hostname, name: "Postern" },
      user: { id: decode(setup.user_id), name, displayName: name },
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
      authenticatorSelection: { authenticatorAttachment: "platform", residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: 120000,
      extensions: { prf: { eval: { first: decode(setup.salt) } } },
    },
  }));
  const id = encode(credential.rawId);
  const made = output(credential);
  if (made) return { id, output: made };
  // Some platforms say that they have PRF and give the output with an assertion only.
  if (credential.getClientExtensionResults().prf?.enabled) return { id, output: await open({ credential_id: id, salt: setup.salt }) };
  return { id, output: null };
}

// open asks for the output of a gate that exists. The biometric is raised even where the platform has no PRF.
export async function open(gate) {
  const credential = await ask(() => navigator.credentials.get({
    publicKey: {
      rpId: location.hostname,
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      allowCredentials: [{ type: "public-key", id: decode(gate.credential_id), transports: ["internal"] }],
      userVerification: "required",
      timeout: 60000,
      extensions: { prf: { eval: { first: decode(gate.salt) } } },
    },
  }));
  return output(credential);
}
