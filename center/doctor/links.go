package doctor

import (
	"strings"

	"github.com/postern/postern"
)

// Pages of the console.
func page(i postern.Integration, path string) string {
	link := "/integrations/" + string(i.ID)
	if path != "" {
		link += "/" + path
	}
	return link
}

// Blades of Microsoft's admin centers.
func (f Tenant) registration(blade string) string {
	return f.AdminCenter + "/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/" + blade + "/appId/" + f.Integration.ClientID
}

func (f Tenant) methods() string {
	return f.AdminCenter + "/#view/Microsoft_AAD_IAM/AuthenticationMethodsMenuBlade/~/AdminAuthMethods"
}

func (f Tenant) access() string {
	return f.AdminCenter + "/#view/Microsoft_AAD_ConditionalAccess/ConditionalAccessBlade/~/Policies"
}

func (f Tenant) products() string {
	return f.AdminCenter + "/#view/Microsoft_AAD_IAM/LicensesMenuBlade/~/Products"
}

func (f Tenant) domainNames() string {
	return f.AdminCenter + "/#view/Microsoft_AAD_IAM/DomainsManagementMenuBlade/~/CustomDomainNames"
}

func (f Tenant) people() string {
	return f.AdminCenter + "/#view/Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/AllUsers"
}

func (f Tenant) group(id string) string {
	return f.AdminCenter + "/#view/Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/" + id
}

func (f Tenant) profiles() string {
	return f.Intune + "/#view/Microsoft_Intune_DeviceSettings/DevicesMenu/~/configuration"
}

// adminCenters are the addresses of Microsoft's admin centers that go with a Graph.
func adminCenters(graph string) (entra, intune string) {
	switch {
	case strings.HasSuffix(graph, ".microsoft.us"):
		return "https://entra.microsoft.us", "https://intune.microsoft.us"
	case strings.HasSuffix(graph, ".chinacloudapi.cn"):
		return "https://entra.microsoftonline.cn", "https://intune.microsoftonline.cn"
	}
	return "https://entra.microsoft.com", "https://intune.microsoft.com"
}
