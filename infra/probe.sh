# Makes the calls of PROBE_CALLS, and prints one line for each. verify/deployed/probe/log.ts reads the lines.
#
#   token {token}                                      the token of the next calls
#   call {number} {method} {url} bare|bearer {body}    "-": no body
#   identity {number} {url}                            a token request, by the managed identity of this container
#
# Prints the status and the address that App Service's front end refused, never a body and never a token. It always ends with 0:
# https://learn.microsoft.com/azure/container-instances/container-instances-restart-policy

say() {
  printf '%s %s\n' "$PROBE_RUN" "$*"
}

# The network of a new container is not always ready at once.
request() {
  curl --silent --noproxy '*' --max-time 15 --retry 4 --retry-delay 3 --retry-max-time 30 --retry-all-errors "$@" < /dev/null
}

call() {
  local number=$1 method=$2 url=$3 with=$4 body=$5 result
  local options=(--output /dev/null --request "$method" --write-out '%{http_code} %header{x-ms-forbidden-ip}')
  if [[ $with == bearer ]]; then options+=(--header "authorization: Bearer $token"); fi
  if [[ $body != - ]]; then options+=(--header 'content-type: application/json' --data-binary "$body"); fi
  if result=$(request "${options[@]}" "$url"); then
    local address=${result#* }
    say "$number ${result%% *} ${address:+at-${address//[^0-9A-Fa-f:.]/}}"
  else
    say "$number failed $?"
  fi
}

# A new identity is not known everywhere at once, and the metadata endpoint may start later than this container.
identity() {
  local number=$1 url=$2 answer='' code='' attempt
  for attempt in {1..20}; do
    answer=$(request --header 'Metadata: true' "$url")
    [[ $answer =~ AADSTS[0-9]+ ]] && code=${BASH_REMATCH[0]}
    if [[ $answer == *'"access_token"'* ]]; then
      say "$number token"
      return
    fi
    if [[ $code == AADSTS501051 ]]; then break; fi
    sleep 3
  done
  say "$number ${code:-failed 0}"
}

token=
while read -r kind number method url with body; do
  case $kind in
    token) token=$number ;;
    call) call "$number" "$method" "$url" "$with" "$body" ;;
    identity) identity "$number" "$method" ;;
  esac
done <<< "$PROBE_CALLS"
say end
exit 0
