// Package recipe says what a tenant needs before Postern can work in it, as data: the steps, what of them is there
// already, the Microsoft Graph requests for the rest, and the requests that take them back. From the same data come the
// renderings for those who do it by hand: a script for curl, one for PowerShell, and the way through the admin centers.
//
// The package decides and reads; it sends nothing by itself. [Look] asks through an [Asker], the rest is arithmetic. Who
// applies a recipe looks, takes the first step that is not done, keeps [Step.Was] unless it keeps one of that step
// already, sends the requests in order, and looks until the step is done. That may be broken off anywhere and begun again.
//
// Values in braces stand for what an earlier answer gave: {application_id}. What a look tells is filled in already;
// [Values] has it too, and [Request.Captured] what an answer gives. A request that would make something a second time
// says in [Request.Find] where to look for it first; who has just looked need not.
//
// It does not own the policy: what may be registered and used under one is center/policy/impact's to judge, and how one is
// written is center/entra's.
package recipe
