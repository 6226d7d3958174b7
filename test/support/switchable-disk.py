"""A file system that passes everything on to a folder, and answers each change with EROFS while a file named SWITCH exists.

usage: switchable-disk.py FOLDER MOUNTPOINT SWITCH   (stays in the foreground until it is unmounted)

The kernel refuses to make a disk read-only that has files open for writing; a server of files, or a disk array, does not ask. This is such a one.
"""
import errno
import os
import sys

from fusepy import FUSE, FuseOSError, Operations

FOLDER, MOUNTPOINT, SWITCH = sys.argv[1:]


def inside(path):
    return FOLDER + path


def changing(operation):
    def checked(self, *args):
        if os.path.exists(SWITCH):
            raise FuseOSError(errno.EROFS)
        return operation(self, *args)

    return checked


class SwitchableDisk(Operations):
    def __call__(self, operation, *args):
        try:
            return getattr(self, operation)(*args)
        except FuseOSError:
            raise
        except OSError as error:
            raise FuseOSError(error.errno) from error

    def getattr(self, path, file=None):
        found = os.lstat(inside(path)) if file is None else os.fstat(file)
        return {
            name: getattr(found, name)
            for name in ('st_atime', 'st_ctime', 'st_mtime', 'st_mode', 'st_nlink', 'st_uid', 'st_gid', 'st_size', 'st_ino', 'st_blocks')
        }

    def statfs(self, path):
        found = os.statvfs(inside(path))
        return {name: getattr(found, name) for name in ('f_bavail', 'f_bfree', 'f_blocks', 'f_bsize', 'f_favail', 'f_ffree', 'f_files', 'f_frsize', 'f_namemax')}

    def access(self, path, mode):
        if mode & os.W_OK and os.path.exists(SWITCH):
            raise FuseOSError(errno.EROFS)
        if not os.access(inside(path), mode):
            raise FuseOSError(errno.EACCES)

    def open(self, path, flags):
        if flags & (os.O_WRONLY | os.O_RDWR) and os.path.exists(SWITCH):
            raise FuseOSError(errno.EROFS)
        return os.open(inside(path), flags)

    def read(self, path, size, offset, file):
        return os.pread(file, size, offset)

    def readdir(self, path, file):
        return ['.', '..', *os.listdir(inside(path))]

    def readlink(self, path):
        return os.readlink(inside(path))

    def flush(self, path, file):
        return 0

    def fsync(self, path, is_only_data, file):
        return os.fsync(file)

    def fsyncdir(self, path, is_only_data, file):
        folder = os.open(inside(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def release(self, path, file):
        return os.close(file)

    @changing
    def create(self, path, mode, info=None):
        return os.open(inside(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    @changing
    def write(self, path, data, offset, file):
        return os.pwrite(file, data, offset)

    @changing
    def truncate(self, path, length, file=None):
        os.truncate(inside(path) if file is None else file, length)

    @changing
    def mkdir(self, path, mode):
        os.mkdir(inside(path), mode)

    @changing
    def rmdir(self, path):
        os.rmdir(inside(path))

    @changing
    def unlink(self, path):
        os.unlink(inside(path))

    @changing
    def rename(self, old, new):
        os.rename(inside(old), inside(new))

    @changing
    def link(self, new, existing):
        os.link(inside(existing), inside(new))

    @changing
    def symlink(self, name, target):
        os.symlink(target, inside(name))

    @changing
    def chmod(self, path, mode):
        os.chmod(inside(path), mode)

    @changing
    def chown(self, path, user, group):
        os.chown(inside(path), user, group)

    @changing
    def utimens(self, path, times=None):
        os.utime(inside(path), times)


FUSE(SwitchableDisk(), MOUNTPOINT, foreground=True, use_ino=True, hard_remove=True, big_writes=True, default_permissions=True)
