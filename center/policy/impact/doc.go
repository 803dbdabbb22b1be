// Package impact judges people by a tenant's policy: who may sign in with which passkey and where, who may register
// one, and what becomes of both when the policy changes. It reads nothing and writes nothing; policies, people and
// memberships are handed to it. It owns every such judgement: no other package decides who is locked out. It does not
// know how a policy is written, read or stored.
//
// # A sign-in
//
// A passkey signs its user in to an application if all of this holds (Microsoft Graph and Microsoft Entra documentation):
//
//   - The account is enabled.
//   - The passkey method is on, no exclude target holds the user, and an include target does. Groups count transitively.
//   - One of the user's profiles has nothing against the passkey: neither its type nor its model. The profiles are those of
//     every include target that holds the user; a target that names none has the default profile. Under enforced
//     attestation synced passkeys fail here too, other attestation does not matter any more. Without profiles, what holds
//     for the tenant is the one profile of everybody.
//   - Every Conditional Access policy that is on, and concerns the user at the application, gets what it demands. A passkey
//     is multifactor authentication; it meets a strength that lists the combination fido2 and its model, or no models.
//     An exclusion, of people or applications, beats every inclusion. Reporting policies refuse nobody.
//
// A refusal that depends on what is not judged (platforms, locations, compliant devices, terms of use, a strength that
// could not be read) makes the sign-in possible instead of refused.
//
// Applications are those that a policy that is on names by client id, or by a word such as Office365, which is taken as one
// more application; "every other application"; and, if a policy names that user action, "registering security info",
// where policies for My Sign-Ins count besides.
//
// # A registration
//
// A passkey may be registered if the method is open to the user as above, self-service set up is on, the user is no guest,
// and one profile has nothing against type and model, nor against a passkey that is not attested. Conditional Access does
// not count: Postern registers with its own application's token, which meets no policy of the user. Who comes to register
// at Security info without a passkey that a policy demands there goes round in circles; that is told as a lock-out from
// there, or as strength_unmet of those who never came in with a passkey.
//
// # Effects
//
// Disabled accounts suffer none. "Signs in" means allowed or possible, with any passkey of the user.
//
//	locked_out            signed in to some application, and signs in to none
//	locked_out_somewhere  signs in to some application, but to another only before: Applications lists those
//	passkey_lost          a passkey stops at an application that another passkey of the user still signs in to
//	registration_lost     some passkey could be registered, and none can. An allow list needs an entry to allow one;
//	                      whether its models can attest is not looked at
//	postern_lost          the same of the passkey Postern makes: its own model, bound to a device, not attested
//	strength_unmet        a policy that is on, and depends on nothing else, will demand a strength, without alternative, that
//	                      no passkey meets which the method lets the user use; at an application where no passkey signed in
//	                      before, nor any policy demanded so
//	sign_in_gained        a passkey signs in to an application that refused it
//	registration_gained   the reverse of registration_lost or postern_lost
//
// Possible marks those who signed in to an application, certainly still may, and depend there with every passkey on something
// they did not depend on before. In the list they stand after those locked out.
//
// # Counts
//
// Effects count users; a user may have several. Privileged and OnlyMethod are taken of locked_out and locked_out_somewhere
// together. OnlyMethod is yes if the registration report lists no method for the user but passkeys and what cannot sign in
// without them for good: password, app password, email and security questions, which only reset a password, and a Temporary
// Access Pass, which ends. Windows Hello, authenticator apps, one-time passcodes, phone numbers and certificates are methods
// that are left. It is unknown without the report, and where it lists nothing but a method this package does not know.
//
// Models count passkeys that signed in somewhere and will nowhere, and their users.
//
// Demands has a line for each Conditional Access policy that demands a strength, is on or reports only, and is new, decides
// differently than before, or has a strength that does. Users are enabled accounts it concerns, guests apart, who prove
// themselves elsewhere; Met have a passkey that meets the strength and that the method lets them use, Unmet have passkeys
// but no such, Without have none. The rest were never looked at: nothing is known of their passkeys.
package impact
