// Runs one WebAuthn ceremony described by the JSON block #fido-config and posts the outcome with the form #answer.
//
//   {kind: "get",    publicKey: PublicKeyCredentialRequestOptionsJSON}
//   {kind: "create", publicKey: webauthnPublicKeyCredentialCreationOptions as Microsoft Graph returns it}
"use strict";
(() => {
  const { kind, publicKey } = JSON.parse(document.getElementById("fido-config").textContent);
  const form = document.getElementById("answer");
  const retry = document.getElementById("retry");
  const status = document.getElementById("status");
  const asking = status.textContent;

  const bytes = (text) => {
    const plain = text.replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, "");
    return Uint8Array.from(atob(plain), (c) => c.charCodeAt(0));
  };
  const base64url = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const descriptors = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  const get = async () => {
    const credential = await navigator.credentials.get({
      publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: descriptors(publicKey.allowCredentials) },
    });
    const r = credential.response;
    return {
      id: credential.id,
      clientDataJSON: base64url(r.clientDataJSON),
      authenticatorData: base64url(r.authenticatorData),
      signature: base64url(r.signature),
      userHandle: r.userHandle ? base64url(r.userHandle) : "",
    };
  };

  const create = async () => {
    const extensions = { ...publicKey.extensions };
    // Chromium refuses to enforce the level that asks for nothing (NotSupportedError); leaving it out means the same.
    if (extensions.credentialProtectionPolicy === "userVerificationOptional") {
      delete extensions.enforceCredentialProtectionPolicy;
    }
    const credential = await navigator.credentials.create({
      publicKey: {
        ...publicKey,
        extensions,
        challenge: bytes(publicKey.challenge),
        user: { ...publicKey.user, id: bytes(publicKey.user.id) },
        excludeCredentials: descriptors(publicKey.excludeCredentials),
      },
    });
    return {
      id: credential.id,
      response: {
        clientDataJSON: base64url(credential.response.clientDataJSON),
        attestationObject: base64url(credential.response.attestationObject),
      },
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  const explain = (error) => {
    switch (error.name) {
      case "NotAllowedError":
        return "The request was cancelled or took too long. Try again when you are ready.";
      case "InvalidStateError":
        return "This device already holds a passkey for your account. Use another device, or delete the passkey first.";
      case "SecurityError":
        return "The browser refuses passkeys at this address. Open the page under the address the passkeys belong to.";
      case "NotSupportedError":
        return "This device cannot hold a passkey of the kind that is needed. Use another security key or phone.";
      default:
        return "The passkey could not be used (" + error.name + "). Try again or use another device.";
    }
  };

  const run = async () => {
    retry.hidden = true;
    status.textContent = asking;
    if (!window.PublicKeyCredential) {
      status.textContent = "This browser does not support passkeys. Use a current browser.";
      return;
    }
    try {
      document.getElementById("result").value = JSON.stringify(kind === "get" ? await get() : await create());
      status.textContent = "Done. Please wait.";
      form.submit();
    } catch (error) {
      status.textContent = explain(error);
      retry.hidden = false;
      retry.focus();
    }
  };

  retry.addEventListener("click", run);
  run();
})();
