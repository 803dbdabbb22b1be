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

