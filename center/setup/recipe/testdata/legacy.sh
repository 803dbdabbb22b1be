#!/usr/bin/env bash
# Sets a Microsoft Entra tenant up for Postern: the Microsoft Graph requests of the set-up sup_example, with
# curl and jq. It may be run again; what is there already is left as it is. It needs bash 4.
#
#   Register an application
#   Make its enterprise application
#   Say which permissions it asks for
#   Grant admin consent
#   Make a client secret
#   Make the service account
#   Enable passkeys
#   Allow security keys at the Windows sign-in screen
#   Assign it to devices
set -euo pipefail
umask 077

# What you may change.
application_name='Postern'
tenant='organizations'
graph=${GRAPH:-https://graph.microsoft.com}
authority=${AUTHORITY:-https://login.microsoftonline.com}
client=${CLIENT:-14d82eec-204b-4c2f-b7e8-296a70dab67e} # Microsoft Graph Command Line Tools
pause=${PAUSE:-2} tries=${TRIES:-60} # seconds between tries, and how many, until Entra shows everywhere what was made

# --- what the steps below use --------------------------------------------------------------------------------------

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
fail() { printf '\nStopped: %s\n' "$*" >&2; exit 1; }

for program in curl jq; do
  command -v "$program" >/dev/null || fail "this script needs $program"
done

# json TEXT: the text as a JSON string.
json() { printf '%s' "$1" | jq -Rs .; }

# refused WHAT: says what Graph answered, and ends.
refused() {
  fail "$1 was refused with status $status: $(jq -r '(.error.code // "no code") + ": " + (.error.message // "no message")' "$work/answer" 2>/dev/null || echo 'no JSON')"
}

# fetch URL: one GET, into the file answer.
fetch() {
  local try=0
  while :; do
    status=$(curl -sS -o "$work/answer" -w '%{http_code}' -H @"$work/headers" "$1")
    case $status in
      2??) return 0 ;;
      404 | 429 | 5??) (( try++ < tries )) || refused "reading $1" ;;
      *) refused "reading $1" ;;
    esac
    sleep "$pause"
  done
}

get() { fetch "$graph$1"; }

# list PATH: all pages of a list, as one.
list() {
  local next
  fetch "$graph$1"
  next=$(jq -r '."@odata.nextLink" // empty' "$work/answer")
  while [[ -n $next ]]; do
    mv "$work/answer" "$work/all"
    fetch "$next"
    next=$(jq -r '."@odata.nextLink" // empty' "$work/answer")
    jq -s '{value: (.[0].value + .[1].value)}' "$work/all" "$work/answer" >"$work/sum"
    mv "$work/sum" "$work/answer"
  done
}

# pick [JQ OPTIONS] FILTER: takes the first item of the answer that the filter lets through; false if there is none.
pick() {
  jq "${@:1:$#-1}" "first(${*: -1}) // empty" "$work/answer" >"$work/found"
  [[ -s $work/found ]] || return 1
  mv "$work/found" "$work/answer"
}

# take MEMBER: a member of the answer.
take() { jq -er --arg name "$1" '.[$name] | strings' "$work/answer" || fail "Graph's answer has no $1"; }

# send METHOD PATH [late] [WORDS]: sends what comes in as the body. Under "late" a refusal may mean that something made a
# moment ago does not show everywhere yet, and is tried again; a refusal with the words says that it is there already.
send() {
  local method=$1 path=$2 late=${3:-} words=${4:-} try=0
  cat >"$work/body"
  while :; do
    status=$(curl -sS -o "$work/answer" -w '%{http_code}' -X "$method" -H @"$work/headers" --data-binary @"$work/body" "$graph$path")
    case $status in
      2??) break ;;
      429 | 5??) ;;
      400 | 403 | 404)
        if [[ $status == 400 && -n $words ]] && grep -qF "$words" "$work/answer"; then break; fi
        [[ $late == late ]] || refused "$method $path"
        note "Entra does not show everything yet; trying again." ;;
      *) refused "$method $path" ;;
    esac
    (( try++ < tries )) || refused "$method $path"
    sleep "$pause"
  done
  : >"$work/body"
}

# is FILTER: whether all of it holds for the answer.
is() { jq -e "$1" "$work/answer" >/dev/null; }

# only MEMBER FILTER: ends unless it holds.
only() {
  is "$2" || fail "$1 is not what it was when this script was made, or what an untouched tenant has. Nothing more was written. Sign in to the set-up, let it look at the tenant, and get the script again."
}

# sign_in SCOPES: signs an administrator in by a code (RFC 8628), unless ACCESS_TOKEN has a token.
sign_in() {
  local token=${ACCESS_TOKEN:-} device interval waited=0
  if [[ -z $token ]]; then
    curl -sS -o "$work/answer" --data-urlencode "client_id=$client" --data-urlencode "scope=$1" "$authority/$tenant/oauth2/v2.0/devicecode"
    jq -er .message "$work/answer" || fail "Entra gave no code: $(jq -r '.error_description // "no reason"' "$work/answer")"
    device=$(take device_code)
    interval=$(jq -r '.interval // 5' "$work/answer")
    while [[ -z $token ]]; do
      (( waited < 900 )) || fail "nobody signed in within fifteen minutes"
      sleep "$interval"
      waited=$(( waited + interval ))
      printf '%s' "$device" >"$work/device"
      curl -sS -o "$work/answer" --data-urlencode "client_id=$client" --data-urlencode "device_code@$work/device" \
        --data-urlencode "grant_type=urn:ietf:params:oauth:grant-type:device_code" "$authority/$tenant/oauth2/v2.0/token"
      case $(jq -r '.error // "none"' "$work/answer") in
        none) token=$(take access_token) ;;
        authorization_pending) ;;
        slow_down) interval=$(( interval + 5 )) ;;
        *) fail "the sign-in was refused: $(jq -r '.error_description // .error' "$work/answer")" ;;
      esac
    done
  fi
  printf 'Authorization: Bearer %s\nContent-Type: application/json\nAccept: application/json\n' "$token" >"$work/headers"
}

# --- the steps ----------------------------------------------------------------------------------------------------

say 'Sign in'
sign_in 'AppRoleAssignment.ReadWrite.All Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All DeviceManagementConfiguration.ReadWrite.All Domain.Read.All Organization.Read.All Policy.Read.All Policy.ReadWrite.AuthenticationMethod RoleManagement.ReadWrite.Directory User.ReadWrite.All'
get '/v1.0/organization?$select=id,displayName'
pick '.value[]' || fail 'Graph does not say which organisation this is'
tenant_id=$(take id)
note "Tenant $(jq -r '.displayName // "without a name"' "$work/answer") ($tenant_id)"

# Register an application
# Postern calls Microsoft Graph as an application of your tenant. Only accounts of your tenant can use it, and
# it has no rights before you consent to some.
say 'Register an application'
list '/v1.0/applications?$filter=tags%2Fany%28t%3At%20eq%20%27postern-setup%3Asup_example%27%29&$select=id,appId'
if pick '.value[]'; then
  note 'It is there already.'
  application_id=$(take id)
  client_id=$(take appId)
else
  send POST '/v1.0/applications' <<JSON
{
  "displayName": $(json "${application_name}"),
  "isFallbackPublicClient": true,
  "notes": "Made by the set-up sup_example of Postern.",
  "publicClient": {
    "redirectUris": [
      "https://login.microsoftonline.com/common/oauth2/nativeclient"
    ]
  },
  "signInAudience": "AzureADMyOrg",
  "tags": [
    "postern-setup:sup_example"
  ],
  "web": {
    "redirectUris": []
  }
}
JSON
  application_id=$(take id)
  client_id=$(take appId)
fi

# Make its enterprise application
# Rights are given to the enterprise application (service principal), which stands for the app registration in
# your tenant.
say 'Make its enterprise application'
list "/v1.0/servicePrincipals?\$filter=appId%20eq%20%27${client_id}%27&\$select=id"
if pick '.value[]'; then
  note 'It is there already.'
  service_principal_id=$(take id)
else
  send POST '/v1.0/servicePrincipals' late <<JSON
{
  "appId": $(json "${client_id}")
}
JSON
  service_principal_id=$(take id)
fi

# Say which permissions it asks for
# The list on the page API permissions: exactly what the permission set legacy needs, each of the right type.
# The default permission User.Read is not among them.
say 'Say which permissions it asks for'
send PATCH "/v1.0/applications/${application_id}" late <<JSON
{
  "requiredResourceAccess": [
    {
      "resourceAppId": "00000003-0000-0000-c000-000000000000",
      "resourceAccess": [
        {
          "id": "0e263e50-5827-48a4-b97c-d940288653c7",
          "type": "Scope"
        },
        {
          "id": "b7887744-6746-4312-813d-72daeaee7e2d",
          "type": "Scope"
        }
      ]
    }
  ]
}
JSON

# Grant admin consent
# Permissions have no effect before an administrator consents to them for the whole tenant. Entra shows them as
# granted then, and each is read back with its type.
say 'Grant admin consent'
get '/v1.0/servicePrincipals(appId='\''00000003-0000-0000-c000-000000000000'\'')?$select=id'
pick '.' || fail 'could not find Microsoft Graph in the tenant'
graph_id=$(take id)
list "/v1.0/oauth2PermissionGrants?\$filter=clientId%20eq%20%27${service_principal_id}%27"
if pick --arg graph_id "$graph_id" '.value[] | select(.resourceId == $graph_id and .consentType == "AllPrincipals")'; then
  note 'It is there already.'
  grant_id=$(take id)
else
  send POST '/v1.0/oauth2PermissionGrants' late <<JSON
{
  "clientId": $(json "${service_principal_id}"),
  "consentType": "AllPrincipals",
  "principalId": null,
  "resourceId": $(json "${graph_id}"),
  "scope": "Directory.AccessAsUser.All UserAuthenticationMethod.ReadWrite.All"
}
JSON
  grant_id=$(take id)
fi

# Make a client secret
# Postern proves itself with a secret that Entra makes. Entra shows it once and never again; it ends after 180
# days. A certificate is the safer choice.
say 'Make a client secret'
get "/v1.0/applications/${application_id}?\$select=passwordCredentials"
if pick '.passwordCredentials[] | select(.displayName == "Postern sup_example")'; then
  note 'There is one already. If nobody has its value any more, remove it under Certificates & secrets and run this again.'
else
  send POST "/v1.0/applications/${application_id}/addPassword" late <<JSON
{
  "passwordCredential": {
    "displayName": "Postern sup_example",
    "endDateTime": "2027-05-22T12:00:00Z"
  }
}
JSON
  take secretText >postern-client-secret.txt
  note 'The client secret is in the file postern-client-secret.txt. Entra does not show it again; delete the file once Postern has it.'
  client_secret_id=$(take keyId)
fi

# Make the service account
# The legacy set works with the rights of a user instead of the application's own. The account needs the roles
# Directory Writers, to make the groups, keep their members, and read users, and Privileged Authentication
# Administrator, to register, list and delete passkeys, of administrators too, as long as the integration lives.
# It signs in with its password alone: a Conditional Access policy that asks everybody for multifactor
# authentication must exclude it.
say 'Make the service account'
list '/v1.0/domains'
pick '.value[] | select(.isInitial == true)' || fail 'could not find the tenant'\''s own domain'
initial_domain=$(take id)
list "/v1.0/users?\$filter=userPrincipalName%20eq%20%27postern-service%40${initial_domain}%27&\$select=id,jobTitle"
if pick '.value[] | select(.jobTitle == "postern-setup:sup_example")'; then
  note 'It is there already.'
  service_account_id=$(take id)
else
  service_account_password=${SERVICE_ACCOUNT_PASSWORD:-}
  if [[ -z $service_account_password ]]; then
    read -rsp 'Password for the service account, long and kept for Postern alone: ' service_account_password
    echo
  fi
  send POST '/v1.0/users' <<JSON
{
  "accountEnabled": true,
  "displayName": "Postern Service Account",
  "jobTitle": "postern-setup:sup_example",
  "mailNickname": "postern-service",
  "passwordPolicies": "DisablePasswordExpiration",
  "passwordProfile": {
    "forceChangePasswordNextSignIn": false,
    "password": $(json "${service_account_password}")
  },
  "userPrincipalName": $(json "postern-service@${initial_domain}")
}
JSON
  service_account_id=$(take id)
fi
list "/v1.0/roleManagement/directory/roleAssignments?\$filter=principalId%20eq%20%27${service_account_id}%27"
if pick '.value[] | select(.roleDefinitionId == "9360feb5-f418-4baa-8175-e2a00bac4301")'; then
  note 'It is there already.'
else
  send POST '/v1.0/roleManagement/directory/roleAssignments' late 'A conflicting object with one or more of the specified property values is present in the directory' <<JSON
{
  "directoryScopeId": "/",
  "principalId": $(json "${service_account_id}"),
  "roleDefinitionId": "9360feb5-f418-4baa-8175-e2a00bac4301"
}
JSON
fi
list "/v1.0/roleManagement/directory/roleAssignments?\$filter=principalId%20eq%20%27${service_account_id}%27"
if pick '.value[] | select(.roleDefinitionId == "7be44c8a-adaf-4e2a-84d6-ab2649e08a13")'; then
  note 'It is there already.'
else
  send POST '/v1.0/roleManagement/directory/roleAssignments' late 'A conflicting object with one or more of the specified property values is present in the directory' <<JSON
{
  "directoryScopeId": "/",
  "principalId": $(json "${service_account_id}"),
  "roleDefinitionId": "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
}
JSON
fi

# Enable passkeys
# The method Passkey (FIDO2) decides who may register and use passkeys. It gets enabled for all users,
# registration stays optional, and self-service set up is allowed, without which nobody can register a passkey
# for a user either. Enforce attestation is No, at least in one place: Entra attests models of the FIDO Metadata
# Service only, and phones are not in it. Restrictions get Postern's model, and nothing that anybody may do
# today is taken away.
say 'Enable passkeys'
get '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2'
if ! is '(([.passkeyProfiles[]?.id | tostring] | sort) == [])'; then
  : # the other request is for it
elif is '(.state == "enabled") and (.isSelfServiceRegistrationAllowed == true) and (.isAttestationEnforced == false) and (([.includeTargets[]?.id | tostring] | sort) == ["all_users"])'; then
  note 'It is so already.'
else
  only 'excludeTargets[].id' '(([.excludeTargets[]?.id | tostring] | sort) == [])'
  only 'includeTargets[].id' '(([.includeTargets[]?.id | tostring] | sort) == [] or ([.includeTargets[]?.id | tostring] | sort) == ["all_users"])'
  only 'keyRestrictions.isEnforced' '(.keyRestrictions.isEnforced == false or .keyRestrictions.isEnforced == null)'
  send PATCH '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2' <<JSON
{
  "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
  "includeTargets": [
    {
      "id": "all_users",
      "isRegistrationRequired": false,
      "targetType": "group"
    }
  ],
  "isAttestationEnforced": false,
  "isSelfServiceRegistrationAllowed": true,
  "state": "enabled"
}
JSON
fi
get '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2'
if is '(([.passkeyProfiles[]?.id | tostring] | sort) == [])'; then
  : # the other request is for it
elif is '(.state == "enabled") and (.isSelfServiceRegistrationAllowed == true)'; then
  note 'It is so already.'
else
  only 'excludeTargets[].id' '(([.excludeTargets[]?.id | tostring] | sort) == [])'
  only 'includeTargets[].id' '(([.includeTargets[]?.id | tostring] | sort) == ["all_users"])'
  only 'includeTargets[].isRegistrationRequired' '(([.includeTargets[]?.isRegistrationRequired | tostring] | sort) == ["false"] or ([.includeTargets[]?.isRegistrationRequired | tostring] | sort) == ["null"])'
  only 'passkeyProfiles[].attestationEnforcement' '(([.passkeyProfiles[]?.attestationEnforcement | tostring] | sort) == ["disabled"])'
  only 'passkeyProfiles[].keyRestrictions.isEnforced' '(([.passkeyProfiles[]?.keyRestrictions.isEnforced | tostring] | sort) == ["false"])'
  only 'passkeyProfiles[].passkeyTypes' '(([.passkeyProfiles[]?.passkeyTypes | tostring] | sort) == ["deviceBound"] or ([.passkeyProfiles[]?.passkeyTypes | tostring] | sort) == ["deviceBound,synced"] or ([.passkeyProfiles[]?.passkeyTypes | tostring] | sort) == ["synced,deviceBound"])'
  send PATCH '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2' <<JSON
{
  "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
  "isSelfServiceRegistrationAllowed": true,
  "state": "enabled"
}
JSON
fi

# Allow security keys at the Windows sign-in screen
# Windows shows the security key at its sign-in screen only where a policy turns it on: UseSecurityKeyForSignin.
# Intune brings that to the devices. It changes nothing for those who sign in another way.
say 'Allow security keys at the Windows sign-in screen'
list '/v1.0/deviceManagement/deviceConfigurations?$select=id,description'
if pick '.value[] | select(.description == "Lets security keys sign in to Windows. Made by Postern (postern-setup:sup_example).")'; then
  note 'It is there already.'
  windows_id=$(take id)
else
  send POST '/v1.0/deviceManagement/deviceConfigurations' <<JSON
{
  "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
  "description": "Lets security keys sign in to Windows. Made by Postern (postern-setup:sup_example).",
  "displayName": "Postern: security keys at Windows sign-in",
  "omaSettings": [
    {
      "@odata.type": "#microsoft.graph.omaSettingInteger",
      "displayName": "Use security keys for sign-in",
      "omaUri": "./Device/Vendor/MSFT/PassportForWork/SecurityKey/UseSecurityKeyForSignin",
      "value": 1
    }
  ]
}
JSON
  windows_id=$(take id)
fi

# Assign it to devices
# An Intune setting does nothing before it is assigned. Devices take it with their next check-in, mostly within
# eight hours.
say 'Assign it to devices'
send POST "/v1.0/deviceManagement/deviceConfigurations/${windows_id}/assign" late <<JSON
{
  "assignments": [
    {
      "@odata.type": "#microsoft.graph.deviceConfigurationAssignment",
      "target": {
        "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"
      }
    }
  ]
}
JSON

say 'Done. Tell Postern, which then connects the tenant:'
echo "postern entra setup --finish sup_example --tenant-id $tenant_id --client-id $client_id --client-secret-file postern-client-secret.txt --service-account-username postern-service@$initial_domain --service-account-password-file -"
