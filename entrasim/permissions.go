package entrasim

import (
	"strings"
	"sync"
)

// graphPermission is one permission Microsoft Graph offers: its id as a delegated permission (scope) and as an
// application permission (app role), empty where it does not exist in that form.
type graphPermission struct {
	name, scope, role string
}

// graphPermissions are the permissions the emulator offers, with the ids of the Microsoft Graph permissions reference.
// Ids of UserAuthMethod-Passkey.Read, UserAuthMethod-Passkey.ReadWrite and Policy.Read.AuthenticationMethod are the
// emulator's own, since they are not published: look permissions up by value, never by id.
var graphPermissions = []graphPermission{
	{"Directory.AccessAsUser.All", "0e263e50-5827-48a4-b97c-d940288653c7", ""},
	{"Directory.ReadWrite.All", "c5366453-9fb0-48a5-a156-24f0c49a4b84", "19dbc75e-c2e2-444c-a770-ec69d8559fc7"},
	{"Directory.Read.All", "06da0dbc-49e2-44d2-8312-53f166ab848a", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"},
	{"UserAuthenticationMethod.ReadWrite.All", "b7887744-6746-4312-813d-72daeaee7e2d", "50483e42-d915-4231-9639-7fdb7fd190e5"},
	{"UserAuthenticationMethod.Read.All", "aec28ec7-4d02-4e8c-b864-50163aea77eb", "38d9df27-64da-44fd-b7c5-a6fbac20248f"},
	{"UserAuthenticationMethod.ReadWrite", "48971fc1-70d7-4245-af77-0beb29b53ee2", ""},
	{"UserAuthenticationMethod.Read", "1f6b61c5-2f65-4135-9c9f-31c0f8d32b52", ""},
	{"UserAuthMethod-Passkey.ReadWrite.All", "64930478-d0ea-4671-ad72-fe0d9821df09", "0400e371-7db1-4338-a269-96069eb65227"},
	{"UserAuthMethod-Passkey.Read.All", "14195339-1fe4-48a7-a0d3-a39eb9fd8958", "72e00c1d-3e3d-43bb-a0b9-c435611bb1d2"},
	{"User.Read", "e1fe6dd8-ba31-4d61-89e7-88639da4683d", ""},
	{"User.Read.All", "a154be20-db9c-4678-8ab7-66f6cc099a59", "df021288-bdef-4463-88db-98f22de89214"},
	{"User.ReadBasic.All", "b340eb25-3456-403f-be2f-af7a0d370277", "97235f07-e226-4f63-ace3-39588e11d3a1"},
	{"User.ReadWrite.All", "204e0828-b5ca-4ad8-b9f3-f32a958e7cc4", "741f803b-c850-494e-b5df-cde7c675a1ca"},
	{"User.RevokeSessions.All", "fc30e98b-8810-4501-81f5-c20a3196387b", "77f3a031-c388-4f99-b373-dc68676a979e"},
	{"User.EnableDisableAccount.All", "f92e74e7-2563-467f-9dd0-902688cb5863", "3011c876-62b7-4ada-afa2-506cbbecc68c"},
	{"Policy.Read.All", "572fea84-0151-49b2-9301-11cb16974376", "246dd0d5-5bd0-4def-940b-0421030a5b68"},
	{"Policy.Read.AuthenticationMethod", "56716812-2c27-56e0-8401-7943e1346e70", "d83509a2-fdfc-5711-807c-bd91d523b203"},
	{"Policy.ReadWrite.AuthenticationMethod", "7e823077-d88e-468f-a337-e18f1f0e6c7c", "29c18626-4985-4dcd-85c0-193eef327366"},
	{"Policy.ReadWrite.ConditionalAccess", "ad902697-1014-4ef5-81ef-2b4301988e8c", "01c0a623-fc9b-48e9-b794-0756f8e8f067"},
	{"Policy.Read.ConditionalAccess", "633e0fce-8c58-4cfb-9495-12bbd5a24f7c", "37730810-e9ba-4e46-b07e-8ca78d182097"},
	{"Group.ReadWrite.All", "4e46008b-f24c-477d-8fff-7bb4ec7aafe0", "62a82d76-70ea-41e2-9197-370581804d09"},
	{"Group.Read.All", "5f8c59db-677d-491f-a6b8-5f174b11ec1d", "5b567255-7703-4780-807c-7be8301ae99b"},
	{"Group.Create", "", "bf7b1a76-6e77-406b-b258-bf5c7720e98f"},
	{"GroupMember.ReadWrite.All", "f81125ac-d3b7-4573-a3b2-7099cc39df9e", "dbaae8cf-10b5-4b86-a4a1-f871c94c6695"},
	{"GroupMember.Read.All", "bc024368-1153-4739-b217-4326f2e966d0", "98830695-27a2-44f7-8c18-0c3ebc9698f6"},
	{"AuditLog.Read.All", "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20", "b0afded3-3588-46d8-8b3d-9842eff778da"},
	{"Reports.Read.All", "02e97553-ed7b-43d0-ab3c-f8bace0d040c", "230c1aed-a721-4c5d-9cb4-a90514e508ef"},
	{"DeviceManagementConfiguration.ReadWrite.All", "0883f392-0a7a-443d-8c76-16a6d39c7b63", "9241abd9-d0e6-425a-bd4f-47ba86e767a4"},
	{"DeviceManagementConfiguration.Read.All", "f1493658-876a-4c87-8fa7-edb559b3476a", "dc377aa6-52d8-4e23-b271-2a7ae04cedf3"},
	{"Device.ReadWrite.All", "", "1138cb37-bd11-4084-a2b7-9f71582aeddb"},
	{"Device.Read.All", "951183d1-1a61-466f-a6d1-1fde911bfd95", "7438b122-aefc-4978-80ed-43db9fcc7715"},
	{"Application.ReadWrite.All", "bdfbf15f-ee85-4955-8675-146e8e5296b5", "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"},
	{"Application.ReadWrite.OwnedBy", "", "18a4783c-866b-4cc7-a460-3d5e5662c884"},
	{"Application.Read.All", "c79f8feb-a9db-4090-85f9-90d820caa0eb", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"},
	{"AppRoleAssignment.ReadWrite.All", "84bccea3-f856-4a8a-967b-dbe0a3d53a64", "06b708a9-e830-4db3-a914-8e69da51d44f"},
	{"DelegatedPermissionGrant.ReadWrite.All", "41ce6ca6-6826-4807-84f1-1c82854f7ee5", "8e8e4742-1d95-4f68-9d56-6ee75648c72a"},
	{"RoleManagement.ReadWrite.Directory", "d01b97e9-cbc0-49fe-810a-750afd5527a3", "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8"},
	{"RoleManagement.Read.Directory", "741c54c3-0c1e-44a1-818b-3f97ab4e8c83", "483bed4a-2ad3-4361-a73b-c83ccdbdc53c"},
	{"Organization.Read.All", "4908d5b9-3fb2-4b1e-9336-1888b7937185", "498476ce-e0fe-48b0-b801-37ba7e2685c6"},
	{"Domain.Read.All", "2f9ee017-59c1-4f1d-9472-bd5529a7b311", "dbb9058a-0e50-45d7-ae91-66909b5d4664"},
	{"UserAuthMethod-Passkey.Read", "70b912b2-4d5f-5820-975c-edec6eb3126f", ""},
	{"UserAuthMethod-Passkey.ReadWrite", "192b1195-a411-5b13-8424-5db63feb62c0", ""},
	{"User.ReadWrite", "b4e74841-8e56-480b-be8b-910348b18b4c", ""},
	{"openid", "37f7f235-527c-4136-accd-4a02d197296e", ""},
	{"profile", "14dad69e-099b-42c9-810b-d002981feec1", ""},
	{"email", "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", ""},
	{"offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182", ""},
}

var permissionsByName = sync.OnceValue(func() map[string]graphPermission {
	m := make(map[string]graphPermission, len(graphPermissions))
	for _, p := range graphPermissions {
		m[p.name] = p
	}
	return m
})

func permissionByName(name string) (graphPermission, bool) {
	p, ok := permissionsByName()[name]
	return p, ok
}

// adminOnly says that only an administrator may consent to the delegated permission.
func (p graphPermission) adminOnly() bool {
	return strings.HasSuffix(p.name, ".All") || strings.HasPrefix(p.name, "Policy.") || strings.HasPrefix(p.name, "RoleManagement.")
}
