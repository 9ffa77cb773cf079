/* coracle-image: sealed images. Runs on the host's side, never near a container's processes. One
 * program under several names: `coracle image COMMAND`, and those of composefs's tools. */
#include <string.h>

#include "base/str.h"
#include "image/command.h"

#define STORE_HELP "      --store DIR       the image store\n"

static const struct tool_command image_commands[] = {
	{"build", "SOURCE [IMAGE]", "make an image of a directory, of layers or of a dump",
	 "  -d, --dump            SOURCE is a dump file, - for standard input\n"
	 "  -t, --tar             SOURCE is a layer, a tar archive, - for standard input\n"
	 "      --layer FILE      apply this layer on top; may be repeated\n"
	 "      --oci             SOURCE is an OCI image layout: DIR or DIR:REFERENCE\n"
	 "  -o, --objects DIR     copy files into the object store DIR\n"
	 "      --format N        0, 1 (default) or 2\n"
	 "      --hash NAME       sha256 (default) or sha512\n"
	 "      --epoch           all modification times are 0\n"
	 "      --xattrs WHICH    all (default), user, oci or none\n"
	 "      --no-devices      leave out devices\n"
	 "      --hardlinks       keep names of one file together\n"
	 "      --verity MODE     for objects: require, try (default) or off\n"
	 "      --seal            enable fs-verity for the image, or fail\n"
	 "      --print-digest    print the image's digest\n"
	 "  -j, --threads N       read files with N threads\n",
	 command_build},
	{"info", "IMAGE...", "show what is in an image",
	 "  -l, --list            list the files\n"
	 "      --list-objects    list the objects\n"
	 "      --missing         list the objects that --objects DIR does not have\n"
	 "  -o, --objects DIR     the object store\n"
	 "      --hash NAME       for the digest: sha256 (default) or sha512\n",
	 command_info},
	{"dump", "SOURCE", "write an image, or a directory, as a dump",
	 "      --filter NAME     only this entry of the root; may be repeated\n", command_dump},
	{"diff", "A B", "compare two images, dumps or directories",
	 "      --no-mtime        do not compare modification times\n", command_diff},
	{"check", "IMAGE", "prove that an image, its objects or its mount are sound",
	 "  -o, --objects DIR     measure each object\n"
	 "      --digest DIGEST   the image must have this digest\n"
	 "      --verity MODE     require: the kernel must have measured; default: try\n"
	 "      --read            read objects that are sealed, too\n"
	 "  -m, --mounted DIR     compare with this mount, and read all of it\n",
	 command_check},
	{"mount", "IMAGE DIR", "mount an image",
	 "  -o, --objects DIR     an object store; may be repeated\n"
	 "      --digest DIGEST   the image must have this digest\n"
	 "      --verity MODE     require, try (default) or off\n"
	 "      --upper DIR       make it writable; needs --work\n"
	 "      --work DIR        for --upper, on the same filesystem\n"
	 "      --idmap FILE      a user namespace (/proc/PID/ns/user) to map ids with\n"
	 "      --read-write      do not mount read-only (with --upper)\n"
	 "      --rootless DIR    without privileges, by way of stub files in DIR\n"
	 "      --no-check        mount images that our writer would write differently\n"
	 "      --explain         say how it was mounted\n",
	 command_mount},
	{"umount", "DIR", "undo a mount", "  -l, --lazy            even if it is busy\n",
	 command_umount},
	{"import", "SOURCE [NAME]", "take a container image into the store",
	 STORE_HELP "      --hash NAME       of a new store: sha256 (default) or sha512\n"
		    "      --transform WORD  oci-1 (default), or none: the tree as the layers say\n"
		    "      --keep-layers     keep the layers, too, as they are\n"
		    "      --verity MODE     for objects: require, try (default) or off\n",
	 command_import},
	{"list", "", "list the images in the store", STORE_HELP, command_list},
	{"inspect", "NAME", "show what the store knows of an image",
	 STORE_HELP "      --manifest        only the manifest, as it is\n"
		    "      --config          only the config, as it is\n",
	 command_inspect},
	{"tag", "NAME NEW...", "give an image more names", STORE_HELP, command_tag},
	{"rm", "NAME...", "forget names of images", STORE_HELP, command_rm},
	{"gc", "", "remove from the store what no name leads to",
	 STORE_HELP "  -n, --dry-run         only say what would be removed\n", command_gc},
	{"fsck", "", "prove that everything in the store is sound",
	 STORE_HELP "      --read            read objects that are sealed, too\n"
		    "      --repair          remove what is damaged\n",
	 command_fsck},
	{"run", "NAME [PROGRAM [ARGUMENT]...]", "run a container from an image",
	 STORE_HELP "      --name ID         call the container ID\n"
		    "  -e, --env WORD        set a variable, NAME=VALUE; may be repeated\n"
		    "  -u, --user USER       run as USER or USER:GROUP, names or numbers\n"
		    "  -w, --cwd DIR         start in DIR\n"
		    "      --entrypoint FILE  run FILE in place of what the image says\n"
		    "  -t, --tty             with a terminal\n"
		    "  -d, --detach          do not wait for it\n"
		    "      --read-only       nothing of the image can be changed\n"
		    "      --upper DIR       keep changes in DIR; else they are thrown away\n"
		    "      --verity MODE     require, try (default) or off\n"
		    "      --digest DIGEST   the image must have this digest\n"
		    "      --policy FILE     the image must be as this policy wants it\n"
		    "      --network WHICH   none (default) or host\n"
		    "      --root DIR        the runtime's state directory\n"
		    "      --print-config    only print the configuration\n",
	 command_run},
	{"export", "NAME TARGET", "write an image out as an OCI image layout",
	 STORE_HELP "      --flatten         one layer, even if the layers were kept\n",
	 command_export},
	{"unpack", "NAME DIR", "write the files of an image into a directory", STORE_HELP,
	 command_unpack},
	{"seal", "NAME [NEW]", "make an image say what its digest is",
	 STORE_HELP "      --key FILE        sign that with this private key (PEM)\n"
		    "      --cert FILE       the certificate of the key (PEM)\n",
	 command_seal},
	{"verify", "NAME", "prove that an image is what it says, or must be",
	 STORE_HELP
	 "      --cert FILE       signed by the key of this certificate; may be repeated\n"
	 "      --digest DIGEST   with this digest, of the image or the manifest\n"
	 "      --policy FILE     as this policy wants it\n"
	 "      --read            read all files, too\n",
	 command_verify},
	{NULL, NULL, NULL, NULL, NULL},
};

/* Called by the runtime. */
static const struct tool_command inner_commands[] = {
	{"root", "ID STATE-DIR IMAGE", "send a mount", "", command_root},
	{"release", "ID STATE-DIR IMAGE", "forget a container", "", command_release},
	{NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	const char *name = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1
			   : argc > 0                        ? argv[0]
							     : "";
	struct cli c = {
		.tool = {.program = "coracle image",
			 .file = "coracle-image",
			 .about = "Images: kept by name, run, and sealed, so that one digest "
				  "stands for every byte.",
			 .help = "      --json            print the result as JSON\n"
				 "  -q, --quiet           show no progress\n",
			 .commands = image_commands,
			 .inner = inner_commands,
			 .failed = 1},
	};

	if (str_eq(name, "mkcomposefs"))
		return compat_mkcomposefs(argc, argv);
	if (str_eq(name, "composefs-info"))
		return compat_composefs_info(argc, argv);
	if (str_eq(name, "mount.composefs"))
		return compat_mount_composefs(argc, argv);
	return tool_run(&c.tool, &c, argc, argv);
}
