package recipe

// The ids of permissions as "Microsoft Graph permissions reference" publishes them, for drafts. Of a tenant that was looked
// at, its own service principal of Microsoft Graph tells them.
var (
	publishedRoles = map[string]string{
		"UserAuthMethod-Passkey.ReadWrite.All":   "0400e371-7db1-4338-a269-96069eb65227",
		"User.Read.All":                          "df021288-bdef-4463-88db-98f22de89214",
		"RoleManagement.Read.Directory":          "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
		"Group.Create":                           "bf7b1a76-6e77-406b-b258-bf5c7720e98f",
		"GroupMember.ReadWrite.All":              "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
		"User.RevokeSessions.All":                "77f3a031-c388-4f99-b373-dc68676a979e",
		"Policy.ReadWrite.AuthenticationMethod":  "29c18626-4985-4dcd-85c0-193eef327366",
		"AuditLog.Read.All":                      "b0afded3-3588-46d8-8b3d-9842eff778da",
		"Directory.ReadWrite.All":                "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
		"UserAuthenticationMethod.ReadWrite.All": "50483e42-d915-4231-9639-7fdb7fd190e5",
	}
	publishedScopes = map[string]string{
		"Directory.AccessAsUser.All":             "0e263e50-5827-48a4-b97c-d940288653c7",
		"UserAuthenticationMethod.ReadWrite.All": "b7887744-6746-4312-813d-72daeaee7e2d",
	}
)
