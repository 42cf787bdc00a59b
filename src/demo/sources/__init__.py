"""Sources of images: files, cameras, videos."""
