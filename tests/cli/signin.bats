#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# login, logout, whoami, devices, profiles; and what is refused.

load ../lib/cfs

setup() {
	test_begin
	start_server
}

# A user with the password "correct horse" and no device.
user_with_password() {
	echo 'correct horse' >"$T/password"
	admin user add --password-file "$T/password" "$1"
}

@test "an invite signs in once, and never again" {
	invite=$(admin invite alice)
	as alice cfs login "$invite"
	[ "$(as alice cfs whoami)" = alice ]
	run -4 as bob cfs login "$invite"
	[[ $output == 'cfs login: '*invite* ]]
	[ ! -e home/bob/.config/cfs/profiles.conf ]
	[ -z "$(find home/bob -name '*.key*')" ]
}

@test "an invite that is too old is refused" {
	invite=$(admin invite --ttl 1s alice)
	refused() { ! as alice cfs login "$invite" 2>"$T/said" && grep -q invite "$T/said"; }
	sleep 1.1 # what is waited for is the invite's own time
	refused
	run -4 as alice cfs whoami
}

@test "a password signs in, with and without a device" {
	user_with_password alice
	as alice cfs login --accept-new --password-file password "cfs://alice@$SERVER_ADDRESS"
	[ "$(as alice cfs whoami)" = alice ]
	as bob cfs login --accept-new --no-device --password-file password "cfs://alice@$SERVER_ADDRESS"
	run -4 as bob cfs whoami
	[ "$(as bob cfs --password-file password whoami)" = alice ]
	[ "$(as bob cfs --password-command 'cat password' whoami)" = alice ]
	run -2 as bob cfs --password-command false whoami
	run -3 as bob cfs --password-file nothing whoami
}

@test "a wrong password and an unknown user look the same" {
	user_with_password alice
	echo wrong >wrong
	run -4 as alice cfs login --accept-new --password-file wrong "cfs://alice@$SERVER_ADDRESS"
	first=$output
	run -4 as alice cfs login --accept-new --password-file wrong "cfs://nobody@$SERVER_ADDRESS"
	[ "$output" = "$first" ]
	[[ $output == 'cfs login: '* ]]
}

@test "guesses are answered later each time, and told of; whoever has the password comes in all the same" {
	user_with_password alice
	echo wrong >wrong
	began=$(date +%s%N)
	for _ in 1 2 3; do
		run -4 as mallory cfs login --accept-new --password-file wrong "cfs://alice@$SERVER_ADDRESS"
	done
	# A quarter of a second, a half, a whole one.
	[ $((($(date +%s%N) - began) / 1000000)) -ge 1750 ]
	as alice cfs login --accept-new --password-file password "cfs://alice@$SERVER_ADDRESS"
	run -0 admin --json events --since 0 --no-follow
	[ "$(jq -r 'select(.event == "refused") | .user + " " + (.peer | sub(":.*"; ""))' <<<"$output" | sort | uniq -c)" = '      3 alice 127.0.0.1' ]
}

@test "a password is asked for on the terminal, without echo" {
	require_pty
	user_with_password alice
	pty alice <<-END >said
		spawn cfs login cfs://alice@$SERVER_ADDRESS
		want {Password: \$}
		type {correct horse}
		want {SHA256:.*y/N. \$}
		type y
		want {Signed in}
		exit [ended]
	END
	run -1 grep -a 'correct horse' said
	# Ctrl-C at the question leaves a terminal that echoes.
	pty bob <<-END
		spawn sh -c "trap : INT; cfs login cfs://alice@$SERVER_ADDRESS; echo code=\\\$?; stty -a | grep -ow -- -*echo"
		want {Password: \$}
		send "\003"
		want {code=130\r\necho\r\n}
		ended
	END
}

@test "the server's key must be the one that was told" {
	new_user alice
	print=$(as alice cfs --json whoami | grep -o 'SHA256:[A-Za-z0-9_-]*')
	user_with_password carol
	other=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
	run -4 as carol cfs login --fingerprint "$other" --password-file password "cfs://carol@$SERVER_ADDRESS"
	[[ $output == *"$print"* && $output == *"$other"* ]]
	as carol cfs login --fingerprint "$print" --password-file password "cfs://carol@$SERVER_ADDRESS"
	# Nobody to ask: not trusted.
	run -4 as dave setsid cfs login --password-file password "cfs://carol@$SERVER_ADDRESS"
	[[ $output == *"$print"* ]]
}

@test "a server whose key has changed is refused, with both fingerprints" {
	new_user alice
	old=$(as alice cfs --json whoami | grep -o 'SHA256:[A-Za-z0-9_-]*')
	stop_server
	mv store old-store
	start_server
	new=$(admin status --json | grep -o 'SHA256:[A-Za-z0-9_-]*' || grep -o 'SHA256:[A-Za-z0-9_-]*' init.out)
	[ "$old" != "$new" ]
	run -4 as alice cfs ls
	[[ $output == *"$old"* && $output == *"$new"* ]]
	run -4 as alice cfs --json ls
	[[ $output == *'"error":"KEYCHANGED"'* ]]
}

@test "devices are listed and revoked" {
	new_user alice
	invite=$(admin invite --device alice)
	as alice2 cfs login --device laptop "$invite"
	run -0 as alice cfs devices
	[ "${#lines[@]}" -eq 2 ]
	[[ $output == *laptop* ]]
	run -0 as alice cfs --json devices
	[ "$(grep -c '"current":true' <<<"$output")" -eq 1 ]
	run -3 as alice cfs devices --revoke nothing
	as alice cfs devices --revoke laptop
	run -4 as alice2 cfs ls
	as alice cfs ls
}

@test "logout revokes the key there and removes it here" {
	new_user alice
	cp -r home/alice home/thief
	run -0 as alice cfs --json logout
	[[ $output == '{"revoked":true}' ]]
	run -4 as alice cfs ls
	[[ $output == *'cfs login'* ]]
	[ -z "$(find home/alice -name '*.key')" ]
	run -4 as thief cfs ls
	# Without the server it still forgets, and says so.
	new_user bob
	stop_server
	run -0 as bob cfs --timeout 2s logout
	[[ $output == *'could not be asked'* ]]
}

@test "profiles: several servers, by name, by URL, and by default" {
	new_user alice
	invite=$(admin invite bob)
	as alice cfs login --name work "$invite"
	echo x | as alice cfs put - work:theirs
	[ "$(as alice cfs ls)" = '' ]
	[ "$(as alice cfs ls work:)" = theirs ]
	[ "$(as alice cfs -P work ls)" = theirs ]
	[ "$(as alice env CFS_PROFILE=work cfs ls)" = theirs ]
	[ "$(as alice cfs ls "cfs://bob@$SERVER_ADDRESS")" = theirs ]
	[ "$(as alice cfs cat "cfs://bob@$SERVER_ADDRESS/theirs")" = x ]
	run -0 as alice cfs profiles
	[[ ${lines[0]} == '* default'*"cfs://alice@$SERVER_ADDRESS" ]]
	[[ ${lines[1]} == '  work'*"cfs://bob@$SERVER_ADDRESS" ]]
	run -4 as alice cfs ls nowhere:
	run -4 as alice cfs ls cfs://alice@127.0.0.1:1/
	# ./ and / switch the colon off.
	echo y | as alice cfs put - ./work:file
	[ "$(as alice cfs cat /alice/work:file)" = y ]
	# Nothing is copied between servers by accident.
	run -1 as alice cfs cp work:theirs mine
}

@test "a server that is not there: clear, soon, exit 5" {
	new_user alice
	stop_server
	run -5 as alice cfs --timeout 3s ls
	[[ $output == 'cfs ls: '*refused* ]]
	run -5 as alice cfs --timeout 3s --json put "$CFS_TOP/LICENSE"
	[[ $output == *'"exit_code":5'* ]]
}

# ---- the server's key

@test "the server's key is changed, and clients that were told of it come along" {
	new_user alice
	new_user bob
	old=$(admin rotate-key)
	admin rotate-key --begin
	[ "$(admin rotate-key | wc -l)" -eq 2 ]
	run ! admin rotate-key --begin
	# Alice is told; bob does not come by before the old key is gone.
	as alice cfs ls
	admin rotate-key --finish
	new=$(admin rotate-key)
	[ "$new" != "$old" ]
	as alice cfs ls
	as alice cfs ls
	run -4 as bob cfs ls
	[[ $output == *'not the pinned one'* ]]
	# A restart reads the same key; and a next key that was dropped is never used.
	stop_server
	start_server
	[ "$(admin rotate-key)" = "$new" ]
	admin rotate-key --begin
	as alice cfs ls
	admin rotate-key --cancel
	run ! admin rotate-key --finish
	as alice cfs ls
	[ "$(admin --json rotate-key)" = "{\"fingerprint\":\"$new\",\"next\":null}" ]
}
