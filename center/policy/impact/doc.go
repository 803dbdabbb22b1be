// Package impact judges people by a tenant's policy: who may sign in with which passkey and where, who may register
// one, and what becomes of both when the policy changes. It reads nothing and writes nothing; policies, people and
// memberships are handed to it. It owns every such judgement: no other package decides who is locked out.
package impact
