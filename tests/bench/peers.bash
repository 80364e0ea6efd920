# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# CFS and its peers: how each is started and how each does a piece of work. A peer KEY has a title
# and functions KEY_put, KEY_get, ... that run one command under the meter; `can KEY put` says
# whether it has one. Servers keep each peer's files in a folder of $srv, or in CFS's store.
# shellcheck disable=SC2154,SC2034,SC2317  # set by bench and lib.bash; called by name

declare -A title=([cfs]=cfs [scp]=scp [sftp]=sftp [rsync]='rsync over ssh' [rsyncd]=rsyncd
	[tls]='bare TLS' [ssh]='ssh find, rm' [sshfs]=sshfs [tuned]='sshfs, tuned' [pass]=passthrough)
declare -A missing=() # by peer: why it is left out
declare -A server_pid=()

leave_out() { # WHY PEER...
	local p why=$1
	shift
	for p; do
		missing[$p]=$why
		say "without ${title[$p]}: $why"
	done
}

can() { [[ -z ${missing[$1]:-} ]] && declare -F "$1_$2" >/dev/null; }

peers_start() {
	local v
	for v in "${!XDG_@}" "${!CFS_@}" SSH_AUTH_SOCK; do unset "$v"; done
	if [[ -n $no_cfs ]]; then leave_out 'not asked for' cfs; else cfs_start; fi
	if [[ -n $cfs_only ]]; then
		leave_out 'not asked for' scp sftp rsync ssh sshfs tuned pass rsyncd tls
		return
	fi
	sshd_start
	rsyncd_start
	passthrough_make
	mkdir "$srv/tls"
	daemon tls "$stream" serve "$srv/tls"
	server_pid[tls]=$pid
	await test -s "$log/tls.out" || { say 'the TLS stream does not start'; exit 1; }
	server_port[tls]=$(<"$log/tls.out")
}

# ---- cfs ------------------------------------------------------------------------------------

cfs_start() {
	local p conf=$tmp/cfsd.conf
	for p in cfs cfsd cfsadm; do
		[[ -x $build/bin/$p ]] || { leave_out "$build/bin/$p is not built" cfs; return; }
	done
	PATH=$build/bin:$PATH
	server_port[cfs]=$("$probe" port)
	printf '[server]\nlisten = 127.0.0.1:%s\n[store]\npath = %s\n' \
		"${server_port[cfs]}" "$srv/cfs" >"$conf"
	cfsadm -c "$conf" init >>"$log/cfsd.init" 2>&1 || { say "cfsadm init failed"; exit 1; }
	daemon cfsd cfsd -c "$conf" --foreground
	server_pid[cfs]=$pid
	await port_answers "${server_port[cfs]}" || { cat "$log/cfsd.err" >&2; exit 1; }
}

cfs_sign_in() { # a user and a HOME for each line, so that the pinned address is the line's
	local invite
	HOME=$tmp/home/rtt$rtt
	export HOME
	mkdir -p "$HOME"
	if [[ -n ${missing[cfs]:-} ]]; then return; fi
	cfs_user=bench$rtt
	invite=$(cfsadm -c "$tmp/cfsd.conf" invite "$cfs_user" 2>>"$log/work.err") || { say 'no invite'; exit 1; }
	cfs login "${invite/:${server_port[cfs]}/:${port[cfs]}}" </dev/null >>"$log/work.out" ||
		{ say 'cfs login failed'; exit 1; }
}

cfs_put() { metered "${meter_opts[@]}" -- cfs put "$1" "$2"; }
cfs_get() { metered "${meter_opts[@]}" -- cfs get "$1" "$2"; }
cfs_puttree() { metered -- cfs put -r "$1" "$2"; }
cfs_gettree() { metered -- cfs get -r "$1" "$2"; }
cfs_lstree() { metered -- cfs ls -lR "$1"; }
cfs_rmtree() { metered -- cfs rm -r "$1"; }
cfs_forget() { cfs rm -rf "$1" >>"$log/work.out" 2>&1; }

cfs_mount() { daemon mount-cfs cfs-mount -f -o "subdir=$cfs_user" "$mnt/cfs"; }
cfs_unmount() { cfs-mount -u "$mnt/cfs"; }

# ---- everything over ssh --------------------------------------------------------------------

sshd_start() {
	local sshd
	sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
	if ! { have ssh && have ssh-keygen && [[ -n $sshd ]]; }; then
		leave_out 'openssh-client and openssh-server are needed' scp sftp rsync ssh sshfs tuned
		return
	fi
	have rsync || leave_out 'rsync is not installed' rsync
	have sshfs || leave_out 'sshfs is not installed' sshfs tuned
	ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$tmp/user_key" ||
		exit 1
	cp "$tmp/user_key.pub" "$tmp/authorized_keys"
	server_port[ssh]=$("$probe" port)
	cat >"$tmp/sshd_config" <<-END
		ListenAddress 127.0.0.1:${server_port[ssh]}
		HostKey $tmp/host_key
		AuthorizedKeysFile $tmp/authorized_keys
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		MaxStartups 100
		PrintMotd no
		Subsystem sftp /usr/lib/openssh/sftp-server
	END
	if ((EUID == 0)) && [[ ! -d /run/sshd ]]; then mkdir -m 755 /run/sshd && made_run_sshd=1; fi
	daemon sshd "$sshd" -D -e -f "$tmp/sshd_config"
	server_pid[ssh]=$pid
	await port_answers "${server_port[ssh]}" || { cat "$log/sshd.err" >&2; exit 1; }
	mkdir "$srv"/{scp,sftp,rsync,ssh,sshfs,tuned}
}

ssh_client_config() {
	cat >"$tmp/ssh_config" <<-END
		Host peer
		HostName 127.0.0.1
		Port ${port[ssh]:-22}
		User $(id -un)
		IdentityFile $tmp/user_key
		IdentitiesOnly yes
		UserKnownHostsFile $tmp/known_hosts
		StrictHostKeyChecking no
		Compression no
		LogLevel ERROR
	END
}

scp_put() { metered "${meter_opts[@]}" -- scp -q -F "$tmp/ssh_config" "$1" "peer:$srv/scp/$2"; }
scp_get() { metered "${meter_opts[@]}" -- scp -q -F "$tmp/ssh_config" "peer:$srv/scp/$1" "$2"; }
scp_puttree() { metered -- scp -q -r -F "$tmp/ssh_config" "$1" "peer:$srv/scp/$2"; }
scp_gettree() { metered -- scp -q -r -F "$tmp/ssh_config" "peer:$srv/scp/$1" "$2"; }
scp_forget() { rm -rf "${srv:?}/scp/$1"; }

sftp_run() {
	printf '%s\n' "$1" >"$tmp/sftp_batch"
	metered "${meter_opts[@]}" -- sftp -q -F "$tmp/ssh_config" -b "$tmp/sftp_batch" peer
}
sftp_put() { sftp_run "put $1 $srv/sftp/$2"; }
sftp_get() { sftp_run "get $srv/sftp/$1 $2"; }
sftp_puttree() { sftp_run "put -r $1 $srv/sftp/$2"; }
sftp_gettree() { sftp_run "get -r $srv/sftp/$1 $2"; }
sftp_forget() { rm -rf "${srv:?}/sftp/$1"; }

rsync_ssh() { metered "${meter_opts[@]}" -- rsync -e "ssh -F $tmp/ssh_config" "$@"; }
rsync_put() { rsync_ssh -a "$1" "peer:$srv/rsync/$2"; }
rsync_get() { rsync_ssh -a "peer:$srv/rsync/$1" "$2"; }
rsync_puttree() { rsync_ssh -a "$1/" "peer:$srv/rsync/$2/"; }
rsync_gettree() { rsync_ssh -a "peer:$srv/rsync/$1/" "$2/"; }
rsync_lstree() { rsync_ssh -r --list-only "peer:$srv/rsync/$1/"; }
rsync_rmtree() { rsync_ssh -r --delete "$tmp/empty/" "peer:$srv/rsync/$1/"; }
rsync_forget() { rm -rf "${srv:?}/rsync/$1"; }

# The server's own programs, called over ssh: no tree of its own to put, so it gets one for nothing.
ssh_lstree() { cp -r "$in/tree" "$srv/ssh/$1" && metered -- ssh -F "$tmp/ssh_config" peer find "$srv/ssh/$1" -ls; }
ssh_rmtree() { metered -- ssh -F "$tmp/ssh_config" peer rm -rf "$srv/ssh/$1"; }
ssh_forget() { rm -rf "${srv:?}/ssh/$1"; }

sshfs_mount() { daemon mount-sshfs sshfs -f -F "$tmp/ssh_config" "peer:$srv/sshfs" "$mnt/sshfs"; }
sshfs_unmount() { fusermount3 -u "$mnt/sshfs"; }

# The fastest cipher here, and everything that sshfs and the kernel may keep kept for an hour: what others change is not seen.
tuned_mount() {
	local o=kernel_cache,auto_cache,compression=no,Ciphers=aes128-gcm@openssh.com
	o+=,dcache_timeout=3600,dcache_stat_timeout=3600,dcache_max_size=200000,entry_timeout=3600,attr_timeout=3600
	daemon mount-tuned sshfs -f -F "$tmp/ssh_config" -o "$o" "peer:$srv/tuned" "$mnt/tuned"
}
tuned_unmount() { fusermount3 -u "$mnt/tuned"; }

# ---- the bare file system in user space: libfuse's own example, on the local disk --------------

passthrough_make() {
	local from=/usr/share/doc/libfuse3-dev/examples f
	for f in passthrough_ll.c passthrough_helpers.h; do
		if [[ -f $from/$f ]]; then
			cp "$from/$f" "$tmp/$f"
		elif [[ -f $from/$f.gz ]]; then
			gzip -dc "$from/$f.gz" >"$tmp/$f"
		else
			leave_out "$from/$f is not there (libfuse3-dev)" pass
			return
		fi
	done
	# shellcheck disable=SC2046  # words
	if ! "${CC:-cc}" -O2 -w -DHAVE_UTIMENSAT -DHAVE_POSIX_FALLOCATE -DHAVE_COPY_FILE_RANGE -o "$tmp/passthrough_ll" \
		"$tmp/passthrough_ll.c" $(pkg-config --cflags --libs fuse3) 2>"$log/passthrough.cc"; then
		leave_out "libfuse's example does not compile: $(head -n 1 "$log/passthrough.cc")" pass
	fi
	mkdir -p "$srv/pass"
}
pass_mount() {
	daemon mount-pass "$tmp/passthrough_ll" -f -o "source=$srv/pass,writeback,cache=always,timeout=86400" "$mnt/pass"
}
pass_unmount() { fusermount3 -u "$mnt/pass"; }

# ---- an rsync daemon, which does not encrypt, and the bare stream, which does nothing else ----

rsyncd_start() {
	have rsync || { leave_out 'rsync is not installed' rsyncd; return; }
	mkdir "$srv/rsyncd"
	server_port[rsyncd]=$("$probe" port)
	cat >"$tmp/rsyncd.conf" <<-END
		use chroot = no
		$( ((EUID == 0)) && printf 'uid = 0\n\t\tgid = 0')
		[files]
		path = $srv/rsyncd
		read only = no
	END
	daemon rsyncd rsync --daemon --no-detach --config="$tmp/rsyncd.conf" --address=127.0.0.1 \
		--port="${server_port[rsyncd]}" --log-file="$log/rsyncd.log"
	server_pid[rsyncd]=$pid
	await port_answers "${server_port[rsyncd]}" || { cat "$log"/rsyncd.* >&2; exit 1; }
}

rsyncd_at() { printf 'rsync://127.0.0.1:%s/files/%s' "${port[rsyncd]}" "$1"; }
rsyncd_puttree() { metered -- rsync -a "$1/" "$(rsyncd_at "$2")/"; }
rsyncd_gettree() { metered -- rsync -a "$(rsyncd_at "$1")/" "$2/"; }
rsyncd_lstree() { metered -- rsync -r --list-only "$(rsyncd_at "$1")/"; }
rsyncd_rmtree() { metered -- rsync -r --delete "$tmp/empty/" "$(rsyncd_at "$1")/"; }
rsyncd_forget() { rm -rf "${srv:?}/rsyncd/$1"; }

tls_put() { metered "${meter_opts[@]}" -- "$stream" put "${port[tls]}" "$1" "$2"; }
tls_get() { metered "${meter_opts[@]}" -- "$stream" get "${port[tls]}" "$1" "$2"; }
tls_forget() { rm -rf "${srv:?}/tls/$1"; }
