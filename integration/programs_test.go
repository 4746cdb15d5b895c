//go:build linux

package integration

// programs are tools that people point at a folder besides those of a shell:
// servers, backups, other languages' libraries. They open, size up and copy
// files in ways of their own, sendfile(2) on a file that nobody has asked for
// its size above all.
func programs() []tool {
	return []tool{
		{name: "busybox cat into a file", script: `cd "$WANT"; for f in */*; do busybox cat "$MNT/$f" > "$OUT/f"; cmp "$OUT/f" "$f"; done`},
		{name: "busybox cp -r", script: `busybox cp -r "$MNT" "$OUT/x"`},
		{name: "busybox cp -a", script: `busybox cp -a "$MNT" "$OUT/x"`},
		{name: "busybox tar", script: `mkdir "$OUT/x"; busybox tar -C "$MNT" -cf - . | busybox tar -C "$OUT/x" -xf -`},
		{name: "busybox sha256sum -c", script: `cd "$MNT"; busybox sha256sum -s -c "$SUMS"`},
		{name: "rclone copy, and check", script: `rclone copy --config "$OUT/none" "$MNT" "$OUT/x"; rclone check --config "$OUT/none" "$MNT" "$OUT/x"`},
		{name: "rclone serve http", script: serving(`rclone serve http --config "$OUT/none" --addr 127.0.0.1:$PORT "$MNT"`)},
		{name: "git add and commit", script: `
			export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
			git init -q --bare "$OUT/repo"
			git --git-dir="$OUT/repo" --work-tree="$MNT" add -A
			git --git-dir="$OUT/repo" --work-tree="$MNT" -c user.name=x -c user.email=x@example.com commit -qm all
			mkdir "$OUT/x"; git --git-dir="$OUT/repo" archive HEAD | tar -C "$OUT/x" -xf -
			git --git-dir="$OUT/repo" fsck --strict 2>/dev/null
			[ -z "$(git --git-dir="$OUT/repo" --work-tree="$MNT" status --porcelain)" ]`},
		{name: "duplicity, and a restore", script: `
			export HOME="$OUT"
			duplicity full --no-encryption --archive-dir "$OUT/a" "$MNT" "file://$OUT/b" > "$OUT/said"
			grep -q '^Errors 0$' "$OUT/said"
			duplicity restore --no-encryption --archive-dir "$OUT/a" "file://$OUT/b" "$OUT/x"
			duplicity verify --compare-data --no-encryption --archive-dir "$OUT/a" "file://$OUT/b" "$MNT"`},
		{name: "nginx with sendfile", script: nginx()},
		{name: "caddy", needs: "caddy", script: serving(`env HOME="$OUT" XDG_DATA_HOME="$OUT" XDG_CONFIG_HOME="$OUT" caddy file-server --browse --root "$MNT" --listen 127.0.0.1:$PORT`)},
		{name: "http.server of Python", script: serving(`python3 -m http.server --bind 127.0.0.1 --directory "$MNT" $PORT`)},
		{name: "a walk in Java", needs: "javac", script: `
			mkdir "$OUT/c"; javac -d "$OUT/c" -encoding UTF-8 "$JAVASOURCE/Walk.java"
			java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$OUT/c" Walk "$MNT" "$OUT/x" | sort -k2 | diff - "$SUMS"`},
		{name: "fs.cpSync in Node", needs: "node", script: `node -e 'require("fs").cpSync(process.env.MNT, process.env.OUT + "/x", {recursive: true})'`},
		{name: "streams in Node", needs: "node", script: `node -e "$NODESOURCE" | sort -k2 | diff - "$SUMS"`},
		{name: "rsync, killed and taken up again", script: `
			for i in 1 2 3; do
				rsync -a --partial "$MNT/" "$OUT/x/" & pid=$!
				until [ "$(find "$OUT/x" -type f 2>/dev/null | wc -l)" -ge $((3*i)) ]; do kill -0 $pid 2>/dev/null || break; done
				kill -9 $pid 2>/dev/null || true; wait $pid 2>/dev/null || true
			done
			rsync -a --partial "$MNT/" "$OUT/x/"
			[ -z "$(rsync -acni --out-format=%n "$MNT/" "$OUT/x/")" ]`},
		{name: "tar -g, again and again", script: `
			for i in 0 1 2; do tar -C "$MNT" -g "$OUT/state" -cf "$OUT/$i.tar" . ; sleep 0.05; done
			[ -z "$(tar -tf "$OUT/2.tar" | grep -v '/$')" ] # what the first one was the first to see is in the second, too
			mkdir "$OUT/x"; for i in 0 1 2; do tar -C "$OUT/x" -g /dev/null -xf "$OUT/$i.tar"; done`},
	}
}

// serving runs a server, and fetches everything from it: names by its own
// listings, and bytes.
func serving(server string) string {
	return `
		PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		` + server + ` > "$OUT/log" 2>&1 & pid=$!
		trap 'kill $pid; wait $pid 2>/dev/null || true' EXIT
		python3 -c "$PYFETCH" "http://127.0.0.1:$PORT" "$OUT/x" || { cat "$OUT/log"; exit 1; }`
}

// nginxConfig serves by sendfile(2), as is usual. Without a master nginx stays with the user who may enter the mount.
const nginxConfig = `daemon off; master_process off; pid $OUT/pid; error_log stderr; events {}
http { sendfile on; tcp_nopush on; access_log off; client_body_temp_path $OUT/t; proxy_temp_path $OUT/t; fastcgi_temp_path $OUT/t;
uwsgi_temp_path $OUT/t; scgi_temp_path $OUT/t; server { listen 127.0.0.1:$PORT; location / { root $MNT; autoindex on; } } }`

// nginx is a script, which serves by it.
func nginx() string {
	return serving("cat > \"$OUT/conf\" <<EOT\n" + nginxConfig + "\nEOT\n PATH=$PATH:/usr/sbin nginx -p \"$OUT\" -e stderr -c \"$OUT/conf\"")
}

// pythonFetcher waits for a server, and follows its listings.
const pythonFetcher = `
import html.parser, os, sys, time, urllib.error, urllib.parse, urllib.request
class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.links = set()
    def handle_starttag(self, tag, attrs):
        href = dict(attrs).get("href", "") if tag == "a" else ""
        href = href[2:] if href.startswith("./") else href
        if href and not href.startswith((".", "/", "?")) and ":" not in href: self.links.add(href)
def get(url):
    for wait in range(400):
        try:
            with urllib.request.urlopen(url) as r:
                body = r.read()
                assert r.headers.get("Content-Length") in (None, str(len(body))), url
                return body
        except urllib.error.HTTPError: raise
        except urllib.error.URLError: time.sleep(0.05)
    sys.exit("no server")
def copy(url, to):
    os.makedirs(to)
    p = Links()
    p.feed(get(url + "/").decode())
    assert p.links, url
    for link in sorted(p.links):
        name = urllib.parse.unquote(link)
        if link.endswith("/"): copy(url + "/" + link[:-1], os.path.join(to, name[:-1]))
        else: open(os.path.join(to, name), "wb").write(get(url + "/" + link))
copy(sys.argv[1], sys.argv[2])
`

// nodeReader reads each document in three ways.
const nodeReader = `
const fs = require("fs"), path = require("path"), crypto = require("crypto");
const hash = (b) => crypto.createHash("sha256").update(b).digest("hex");
(async () => {
  for (const c of fs.readdirSync(process.env.MNT))
    for (const n of fs.readdirSync(path.join(process.env.MNT, c))) {
      if (n.startsWith(".")) continue;
      const p = path.join(process.env.MNT, c, n), h = crypto.createHash("sha256");
      for await (const b of fs.createReadStream(p, {highWaterMark: 5000})) h.update(b);
      const sum = h.digest("hex");
      if (sum !== hash(fs.readFileSync(p)) || sum !== hash(await fs.promises.readFile(p))) throw new Error(p);
      console.log(sum + "  " + c + "/" + n);
    }
})();
`

// javaSource walks, maps, and copies by transferTo and by Files.copy.
const javaSource = `
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.stream.*;

public class Walk {
	static String hash(byte[] b) throws Exception {
		return String.format("%064x", new java.math.BigInteger(1, MessageDigest.getInstance("SHA-256").digest(b)));
	}
	public static void main(String[] args) throws Exception {
		Path from = Path.of(args[0]), to = Path.of(args[1]);
		List<Path> files;
		try (Stream<Path> all = Files.walk(from)) { files = all.filter(Files::isRegularFile).collect(Collectors.toList()); }
		int n = 0;
		for (Path p : files) {
			if (p.getFileName().toString().startsWith(".")) continue;
			Path name = from.relativize(p), copy = to.resolve(name);
			Files.createDirectories(copy.getParent());
			if (n++ % 2 == 0) Files.copy(p, copy);
			else try (FileChannel in = FileChannel.open(p); FileChannel out = FileChannel.open(copy, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
				for (long at = 0; ; ) {
					long k = in.transferTo(at, Long.MAX_VALUE - at, out);
					if (k <= 0) break;
					at += k;
				}
			}
			byte[] whole = Files.readAllBytes(p), mapped = new byte[(int) Files.size(p)];
			try (FileChannel in = FileChannel.open(p)) { in.map(FileChannel.MapMode.READ_ONLY, 0, mapped.length).get(mapped); }
			if (!Arrays.equals(whole, mapped)) throw new IOException(name + " differs when mapped");
			System.out.println(hash(whole) + "  " + name);
		}
	}
}
`
