// Microsoft's own clients for Node, unchanged, against the emulator. Prints a line beginning with "ok" for each thing that
// works and ends with an error at the first that does not.
//
//   ENTRASIM_GRAPH       https://host:port          Graph, without the version
//   ENTRASIM_AUTHORITY   https://host:port          the authority, without the tenant
//   ENTRASIM_TENANT      tenant id
//   ENTRASIM_CLIENT      client id of an application that may do what is tried here
//   ENTRASIM_SECRET      its secret
//   ENTRASIM_KEY         file with a PEM private key
//   ENTRASIM_THUMBPRINT  SHA-256 thumbprint, hex, of the certificate registered for that key
//   NODE_EXTRA_CA_CERTS  file with the certificate of the emulator's CA
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ConfidentialClientApplication } from "@azure/msal-node";
import graph from "@microsoft/microsoft-graph-client";

const { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } = graph;

const env = (name) => {
  const value = process.env[`ENTRASIM_${name}`];
  assert.ok(value, `ENTRASIM_${name} is not set`);
  return value;
};
const ok = (what, detail = "") => console.log(`ok ${what}${detail && `: ${detail}`}`);

const graphURL = env("GRAPH");
const authority = `${env("AUTHORITY")}/${env("TENANT")}`;
const scopes = ["https://graph.microsoft.com/.default"];

const application = (credential) =>
  new ConfidentialClientApplication({
    auth: { clientId: env("CLIENT"), authority, knownAuthorities: [new URL(authority).host], ...credential },
  });

async function token(name, credential) {
  const app = application(credential);
  const result = await app.acquireTokenByClientCredential({ scopes });
  assert.ok(result.accessToken);
  assert.ok(result.expiresOn > new Date());
  const again = await app.acquireTokenByClientCredential({ scopes });
  assert.equal(again.fromCache, true, "the second token should come from the cache");
  ok(name);
  return app;
}

const app = await token("token by secret", { clientSecret: env("SECRET") });
await token("token by certificate", {
  clientCertificate: { thumbprintSha256: env("THUMBPRINT"), privateKey: readFileSync(env("KEY"), "utf8") },
});

await assert.rejects(application({ clientSecret: "wrong" }).acquireTokenByClientCredential({ scopes }), (error) => {
  assert.equal(error.errorCode, "invalid_client");
  assert.match(error.message, /AADSTS7000215/);
  return true;
});
ok("wrong secret is refused");

const client = Client.init({
  baseUrl: `${graphURL}/`,
  customHosts: new Set([new URL(graphURL).hostname]),
  authProvider: async (done) => {
    try {
      done(null, (await app.acquireTokenByClientCredential({ scopes })).accessToken);
    } catch (error) {
      done(error, null);
    }
  },
});

// Users, ten at a time, to the end.
const total = await client.api("/users/$count").header("ConsistencyLevel", "eventual").get();
const users = new Map();
const first = await client.api("/users").select("id,userPrincipalName,userType,accountEnabled").top(10).get();
assert.ok(first["@odata.nextLink"], "there should be more than one page");
await new PageIterator(client, first, (user) => {
  users.set(user.id, user);
  return true;
}).iterate();
assert.equal(users.size, Number(total));
ok("users by page", `${users.size} users`);

const user = [...users.values()].find((u) => u.userType === "Member" && u.accountEnabled);

const methods = await client.api(`/users/${user.id}/authentication/fido2Methods`).get();
assert.ok(Array.isArray(methods.value));
ok("fido2Methods");

const options = await client
  .api(`/users/${user.id}/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=10)`)
  .version("beta")
  .get();
assert.equal(options.publicKey.rp.id, "login.microsoft.com");
assert.ok(Buffer.from(options.publicKey.challenge, "base64url").length > 5000);
assert.ok(new Date(options.challengeTimeoutDateTime) > new Date());
ok("creationOptions");

// A batch: answers come in any order, each with its own status.
const batch = new BatchRequestContent([
  { id: "1", request: new Request(`${graphURL}/users/${user.id}`, { method: "GET" }) },
  { id: "2", request: new Request(`${graphURL}/users/00000000-0000-0000-0000-000000000000`, { method: "GET" }) },
  { id: "3", request: new Request(`${graphURL}/users/${user.id}/authentication/fido2Methods`, { method: "GET" }) },
]);
const content = await batch.getContent();
for (const request of content.requests) {
  request.url = new URL(request.url, graphURL).pathname;
}
const answers = new BatchResponseContent(await client.api("/$batch").post(content));
assert.equal((await answers.getResponseById("1").json()).id, user.id);
assert.equal(answers.getResponseById("2").status, 404);
assert.equal(answers.getResponseById("3").status, 200);
ok("$batch");

// A group and a member; adding the member twice is an error.
const group = await client.api("/groups").post({
  displayName: "Stock client group", mailEnabled: false, mailNickname: "stock-client-group", securityEnabled: true,
});
const reference = { "@odata.id": `https://graph.microsoft.com/v1.0/directoryObjects/${user.id}` };
await client.api(`/groups/${group.id}/members/$ref`).post(reference);
const members = await client.api(`/groups/${group.id}/members`).get();
assert.deepEqual(members.value.map((m) => m.id), [user.id]);
ok("group member");

await assert.rejects(client.api(`/groups/${group.id}/members/$ref`).post(reference), (error) => {
  assert.ok(error instanceof GraphError);
  assert.equal(error.statusCode, 400);
  assert.equal(error.code, "Request_BadRequest");
  return true;
});
await client.api(`/groups/${group.id}/members/${user.id}/$ref`).delete();
await client.api(`/groups/${group.id}`).delete();
ok("group cleaned up");

// Whoever started this script lets the first call be throttled; the client's retry handler waits and repeats it.
const organization = await client.api("/organization").get();
assert.equal(organization.value[0].id, env("TENANT"));
ok("429 was retried");
